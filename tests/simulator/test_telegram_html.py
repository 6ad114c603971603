from typing import Any

import pytest

from bot.simulator.telegram.html import HtmlError, parse


@pytest.mark.parametrize(
    ("html", "text", "entities"),
    [
        ("plain", "plain", []),
        ("<b>a</b><STRONG>b</STRONG>".lower(), "ab", [("bold", 0, 1), ("bold", 1, 1)]),
        ("<i>a</i><em>b</em>", "ab", [("italic", 0, 1), ("italic", 1, 1)]),
        ("<u>a</u><ins>b</ins>", "ab", [("underline", 0, 1), ("underline", 1, 1)]),
        ("<s>a</s><strike>b</strike><del>c</del>", "abc", [("strikethrough", n, 1) for n in range(3)]),
        (
            '<span class="tg-spoiler">a</span><tg-spoiler>b</tg-spoiler>',
            "ab",
            [("spoiler", 0, 1), ("spoiler", 1, 1)],
        ),
        ("<code>a</code><pre>b</pre>", "ab", [("code", 0, 1), ("pre", 1, 1)]),
        ("<pre><code class=language-python>x</code></pre>", "x", [("pre", 0, 1), ("code", 0, 1)]),
        ("<blockquote>a</blockquote>", "a", [("blockquote", 0, 1)]),
        ("<blockquote expandable>a</blockquote>", "a", [("expandable_blockquote", 0, 1)]),
        ('<tg-emoji emoji-id="5">👍</tg-emoji>', "👍", [("custom_emoji", 0, 2)]),
        ("<b>1<i>2</i></b>", "12", [("bold", 0, 2), ("italic", 1, 1)]),
        ("🔴 <b>José</b>", "🔴 José", [("bold", 3, 4)]),
        ("&lt;b&gt; &amp; &quot;&#39;&#x1F600;", "<b> & \"'😀", []),
        ("  <b> a </b>\n", "a", [("bold", 0, 1)]),
        ("<b></b>x", "x", []),
        ("<b>x</>", "x", [("bold", 0, 1)]),
    ],
)
def test_the_dialect(html: str, text: str, entities: list[Any]) -> None:
    parsed = parse(html)
    assert parsed.text == text
    assert [(e["type"], e["offset"], e["length"]) for e in parsed.entities] == entities


def test_a_link_keeps_its_address() -> None:
    assert parse('<a href="https://a.b/?c=1&amp;d=2">x</a>').entities[0]["url"] == "https://a.b/?c=1&d=2"
    assert parse("<a>x</a>").entities == []


@pytest.mark.parametrize(
    ("html", "error"),
    [
        ("é <h1>x</h1>", 'Unsupported start tag "h1" at byte offset 3'),
        ("<br/>", 'Unsupported start tag "br/" at byte offset 0'),
        ("5 < 6 and <b>x</b>", 'Unsupported start tag "" at byte offset 2'),
        ("a <b", "Unclosed start tag at byte offset 2"),
        ('<a href="x', 'Unclosed start tag "a" at byte offset 0'),
        ("<b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</b", "Unclosed end tag at byte offset 4"),
        ("<b><i>x</b></i>", 'Unmatched end tag at byte offset 7, expected "</i>", found "</b>"'),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<span class="red">x</span>', 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ('<a "x">y</a>', 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<a href=/x>y</a>", "Unexpected end of name token at byte offset 0"),
        ("Silva & Filhos", 'Unescaped character "&" at byte offset 6'),
        ("a &nbsp; b", 'Unescaped character "&" at byte offset 2'),
        ("&#xD800;", 'Unescaped character "&" at byte offset 0'),
        ("a > b", 'Unescaped character ">" at byte offset 2'),
    ],
)
def test_what_is_outside_of_it(html: str, error: str) -> None:
    with pytest.raises(HtmlError) as raised:
        parse(html)
    assert str(raised.value) == error
