import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Environment, meta
from markupsafe import Markup

import bot
from bot.chat.screens.arguments import CAUSES, DENY_REASONS, SILENCES
from bot.chat.screens.buttons import Action
from bot.chat.screens.pages.cooldown import RELEASE_REASONS
from bot.chat.screens.pages.doubts import VERDICTS as VERDICTS_ON_ALL
from bot.chat.screens.pages.doubts import Verdict
from bot.chat.screens.pages.handover import SILENT, STATES
from bot.chat.screens.pages.on_demand import PENDING
from bot.chat.screens.pages.unreached import LISTS
from bot.chat.screens.words import LANGUAGES, Words, clean, duration, phrases, shorten, units
from bot.chat.taps.commands import COMMANDS
from bot.chat.taps.note_commands import NOTE_COMMANDS
from bot.domain.causes.grouping import Reason
from bot.domain.customer import Link
from bot.domain.dispatch import Despite, End
from bot.domain.events import Change, Line
from bot.domain.figures.case import Decision
from bot.domain.incident import Cause, Kind
from bot.domain.plan import Choice, Mend, Outcome, Skip
from bot.errors import Why
from bot.gateways import GATEWAYS
from bot.ops.panel.now import MIXED, TONES
from bot.process.wiring import adapters_words
from tests.chat.screens import EN, PT, ZONE

NOW = datetime(2026, 11, 22, 17, 32, tzinfo=UTC)  # 14:32 in São Paulo
KIND_OF = {kind: field.default for kind in get_args(Line) for field in fields(kind) if field.name == "kind"}
SAID_OTHERWISE = {"settled", "resolved"}  # by how it ended, by what was chosen
ENTRIES = [
    *(KIND_OF[kind] for kind in get_args(Line) if kind.audited and KIND_OF[kind] not in SAID_OTHERWISE),
    *(end for end in get_args(End) if end != "cancelled"),
    *(f"resolved_{choice}" for choice in get_args(Choice)),
    *("resumed_alone", "begun_alone", "forecast_none", "given_up", "restored", "on_again"),
]
SHEETS = [
    "olt",
    "name",
    "serial",
    "link",
    "phone",
    "whatsapp",
    "at",
    "who",
    "what",
    "case",
    "port",
    "result",
    "outage",
    "frees",
    "doubts_file",
    "reason",
    "standing",
    "doubt",
    "call",
    "fate",
    *(f"{one.name}_file" for one in LISTS),
]
STEPS = ["day", "week", "month"]
DAY = ["open", "off", "warned", "delivered"]
REASONS = [
    "not_leading",
    *("not_taken", "unread"),
    *("no_answer", "reset", "unconfirmed", "interrupted", "stopped", "ledger", "no_room", "error"),
    *(
        "source_down",
        "login_refused",
        "directory_refused",
        "directory_down",
        "not_found",
        "silent",
        "refused",
        "bad_answer",
        "incomplete",
        "too_slow",
    ),
    *("dns", "tls", "connect_timeout", "throttled", "half_answer", "garbled", "not_json", "too_large"),
    *("cool_off", "token_refused", "none", "dry_run"),
    *("no_results", "no_object", "no_token", "return_false", "no_devices", "another_alert", "no_clients"),
    *(
        "considered_sent",
        "listed",
        "receipt",
        "stated_error",
        "no_rows",
        "another_client",
        "token_replaced",
        "login_not_found",
    ),
    *("two_people", "other_mode", "grown", "port_busy", "fewer_rows", "approver_gone", "second_poller"),
    *("out_of_calls", "stale", "no_sections"),
    "template",
    "limit",
    *("Falha", "Erro"),
]
FORMATS = ["thousands", "http", "at_time", "on_day", "day_month", *(f"month_{n}" for n in range(1, 13))]
VERDICTS = [
    *(f"{step}_{verdict}" for step in ("all", "ask", "yes") for verdict in VERDICTS_ON_ALL),
    *("ask_told", "yes_told"),
    *(f"one_{verdict}" for verdict in get_args(Verdict)),
]
BUTTONS = [
    *("approve", "approve_second", "retry", "deny", "details", "cancel", "stop", "resume", "close", "back"),
    *(one.name for one in LISTS),
    *("assume", "more", "less", "eta", "cause", "silence", "separate", "send_now", "resume_now"),
]
ARRIVED = ("received", "undelivered")
PANEL_PAGES = ("now", "history", "charts", "case")
COLUMNS = (
    "case at kind olt port onus outage what who decided warned delivered doubts restored cause frees began "
    "ended lasted when done result attempt name phone serial fate"
)
CODED: dict[str, Iterable[str]] = {
    "kind": [*Kind, "MIXED"],
    "cause": [*Cause, *(f"group_{reason}" for reason in Reason)],
    "card": [f"despite_{what}" for what in get_args(Despite)],
    "skip": list(Skip),
    "skipped": list(Skip),
    "count": ["skipped", *ARRIVED, *Outcome],
    "source": ["oltcloud"],
    "gateway": ["matrix", "dry_run"],
    "sender": ["there"],
    "link": list(Link),
    "fate": [*ARRIVED, "read", *Outcome],
    "because": ["skipped", "undelivered", *(o for o in Outcome if o is not Outcome.ACCEPTED)],
    "deny": DENY_REASONS,
    "release": RELEASE_REASONS,
    "action": [*(action.name.lower() for action in Action), "unknown"],
    "menu": [*COMMANDS],
    "command": [*COMMANDS, *(f"how_{name}" for name in (*NOTE_COMMANDS, "cliente", "relatorio"))],
    "customer": ["none_yet", "none_denied"],
    "why": CAUSES,
    "mute": SILENCES,
    "entry": ENTRIES,
    "end": ["done", "stopped", "closed", "halted", "unread", "over"],
    "pending": PENDING,
    "handover": [*STATES.values(), SILENT],
    "advice": get_args(Mend),
    "setting": ["LOS", "POWER", "RESTORED"],
    "login": ["oltcloud"],
    "trial": list(Outcome),
    "details": [one.name for one in LISTS],
    "doubts": [
        *VERDICTS,
        *(f"no_resend_{why}" for why in ("over", "on_again", "interrupted", "unconfirmed")),
    ],
    "toast": [f"chosen_{verdict}" for verdict in get_args(Verdict)],
    "notice": ["source_down", "login_refused", "started"],
    "sheet": SHEETS,
    "report": list(Kind),
    "chart": [*Kind, *DAY, *(f"weekday_{n}" for n in range(7)), *(f"off_{s}" for s in STEPS)],
    "odd": ["id", "olt", "alert_type"],
    "reason": REASONS,
    "closed": [*get_args(Why), "other"],
    "format": FORMATS,
    "button": BUTTONS,
    "panel": [
        *(f"state_{state}" for state in TONES),
        *(f"kind_{kind}" for kind in (*Kind, MIXED)),
        *(f"page_{name}" for name in PANEL_PAGES),
        *(f"decision_{decision}" for decision in Decision),
        *("about_outage", "about_back"),
        *(f"column_{name}" for name in COLUMNS.split()),
    ],
}
"""Families whose member is chosen while running, by what may be chosen."""
RAISED = {"button", "declined", "toast"}
"""Families whose members stand in the code by their code alone."""


def every_phrase(language: str) -> dict[str, str]:
    """The bot's, and those of its adapters."""
    return {**phrases(language), **adapters_words(language, "matrix", ("oltcloud",))}


@cache
def _facts(phrase: str) -> set[str]:
    return meta.find_undeclared_variables(_parser().parse(phrase))


@cache
def _parser() -> Environment:
    env = Environment(autoescape=True)
    env.filters |= dict.fromkeys(
        ("number", "plural", "time", "moment", "when", "clock", "duration", "coded"), str
    )
    return env


@cache
def _nodes() -> tuple[ast.AST, ...]:
    sources = Path(bot.__file__).parent.rglob("*.py")
    return tuple(node for source in sources for node in ast.walk(ast.parse(source.read_text())))


def _texts_in_code() -> set[str]:
    """Every text that stands in the code, or as a key in a page's template."""
    texts = {n.value for n in _nodes() if isinstance(n, ast.Constant) and isinstance(n.value, str)}
    return texts | _keys_in_templates() | {f"panel.notice_{text}" for text in texts}


def _keys_in_templates() -> set[str]:
    """Every whole key there; one that ends in `_` is put together while running."""
    templates = (Path(bot.__file__).parent / "ops" / "panel" / "templates").glob("*.html")
    keys = {key for file in templates for key in re.findall(r'"([a-z]+\.[A-Za-z_]+)"', file.read_text())}
    return {key for key in keys if not key.endswith("_")}


def _first_texts(*names: str) -> set[str]:
    """The first argument of every call of those names, where it is a plain text."""
    calls = (node for node in _nodes() if isinstance(node, ast.Call) and node.args)
    return {
        call.args[0].value
        for call in calls
        if (call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")) in names
        and isinstance(call.args[0], ast.Constant)
        and isinstance(call.args[0].value, str)
    }


def test_both_languages_have_the_same_phrases_with_the_same_facts() -> None:
    ours, theirs = every_phrase("pt_BR"), every_phrase("en")
    assert ours.keys() == theirs.keys()
    different = {key for key in ours if _facts(ours[key]) != _facts(theirs[key])}
    assert different == set()


def test_every_key_in_code_exists_and_no_phrase_is_unused() -> None:
    have = every_phrase("pt_BR").keys()
    chosen = {f"{family}.{code}" for family, codes in CODED.items() for code in codes}
    chosen |= {f"{family}.{code}" for code in _first_texts("Declined") for family in ("declined", "refused")}
    chosen |= {f"notice.{code}" for code in _first_texts("Notice")}
    assert chosen - have == set()
    assert {key for key in _first_texts("say", "plain") if "." in key} - have == set()
    assert _keys_in_templates() - have == set()
    texts = _texts_in_code()
    raised = {key for key in have if key.partition(".")[0] in RAISED and key.partition(".")[2] in texts}
    raised |= {key.replace("declined", "refused") for key in have if key.startswith("declined.")}
    assert have - chosen - raised - texts == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_toast_or_button_fits_and_every_phrase_can_be_said(language: str) -> None:
    words = Words(language, ZONE, every_phrase(language))
    facts: dict[str, object] = {
        "at": NOW,
        "now": NOW,
        "until": NOW,
        "since": NOW,
        "started": NOW,
        "start": NOW,
        "eta": NOW,
        "opens": NOW,
        "change": Change("HSM_RATE", "auto", "5"),
        "changes": (Change("HSM_RATE", "auto", "5"), Change("CUSTOMER_HOURS", "08:00-21:00", "")),
    }
    counts = (
        "n onus customers asked agreed no_record no_phone failed todo accepted held rejected unknown skipped "
        "unconfirmed doubts done to_send affected at_most total open waiting calls of olts others "
        "hour today flaps cards listed plans limit need before pace messages most off warned delivered"
    )
    facts |= dict.fromkeys(counts.split(), 3000)
    facts |= dict.fromkeys(
        [
            "failures",
            "seconds",
            "minutes",
            "bytes",
            "running",
            "page",
            "pages",
            "lasted",
            "age",
            "left",
            "uptime",
            "waited",
            "known",
            "usual",
            "days",
        ],
        7,
    )
    for key, phrase in every_phrase(language).items():
        filled = {name: facts.get(name, "<x>" * 100) for name in _facts(phrase)}
        said = words.say(key, **filled)
        assert "<x>" not in said
        assert units(words.plain(key, **filled)) <= 200


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (-5, "0 s"),
        (42, "42 s"),
        (60, "1 min"),
        (12 * 60 + 59, "12 min"),
        (2 * 3600 + 5 * 60, "2 h 05 min"),
        (27 * 3600 + 59, "1 d 3 h"),
    ],
)
def test_duration(seconds: int, told: str) -> None:
    assert duration(timedelta(seconds=seconds)) == told
    assert duration(seconds) == told


def test_time_is_local_and_names_the_day_only_where_it_is_another() -> None:
    late = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)  # 23:30 on the 22nd in São Paulo
    assert (PT.time(NOW, NOW), EN.time(NOW, NOW)) == ("14:32", "14:32")
    assert (PT.time(NOW), EN.time(NOW)) == ("22/11 14:32", "22 Nov 14:32")
    assert PT.time(NOW, late) == "14:32"
    assert PT.time(NOW, late + timedelta(hours=1)) == "22/11 14:32"
    assert (PT.when(NOW, NOW), PT.when(NOW)) == ("às 14:32", "em 22/11 14:32")
    assert (EN.when(NOW, NOW), EN.when(NOW)) == ("at 14:32", "on 22 Nov 14:32")


@pytest.mark.parametrize(
    ("n", "ours", "theirs"),
    [(0, "0 falhas", "0 failed"), (1, "1 falha", "1 failed"), (3000, "3.000 falhas", "3,000 failed")],
)
def test_counts(n: int, ours: str, theirs: str) -> None:
    assert PT.say("count.failed", n=n) == ours
    assert EN.say("count.failed", n=n) == theirs


def test_facts_are_escaped_once_and_cut_before_that() -> None:
    said = PT.say("card.head", kind="<b>", olt="&" * 300, place=Markup("<i>ok</i>"))
    assert said == f"<b>&lt;b&gt; · {'&amp;' * 99}… · <i>ok</i></b>"
    assert PT.plain("toast.released", port="<b>&") == "<b>& está livre."


def test_a_toast_is_cut_at_200_units() -> None:
    said = PT.plain("declined.port_busy", port="🔥" * 500)
    assert units(said) <= 200
    assert said.startswith("🔥" * 49 + "… tem um envio")


def test_codes_are_told_in_words_and_other_texts_as_they_are() -> None:
    assert PT.coded("maintenance", "deny") == "manutenção"
    assert PT.coded("chuva", "deny") == "chuva"
    assert PT.coded(None, "deny") == ""


def test_a_language_that_does_not_exist_is_named() -> None:
    with pytest.raises(ValueError, match=r"unknown language 'fr': use one of pt_BR, en"):
        Words("fr", ZONE)


@given(st.text(st.characters(), max_size=50), st.integers(1, 40))
def test_any_text_becomes_one_line_that_can_be_encoded(text: str, limit: int) -> None:
    line = shorten(clean(text), limit)
    assert "\n" not in line
    assert len(line.encode("utf-16-le")) // 2 <= limit


def test_what_would_turn_or_break_a_message_is_taken_out() -> None:
    assert clean(" a\n\tb\x00\ud800 \u202ec\u2069 👨\u200d👩 ") == "a b c 👨\u200d👩"


def test_every_reason_with_a_phrase_is_given_somewhere() -> None:
    folder = Path(bot.__file__).parent
    code = "\n".join(path.read_text() for path in folder.rglob("*.py"))
    assert [reason for reason in REASONS if f'"{reason}"' not in code and reason != "none"] == []


def test_a_reason_is_told_in_words() -> None:
    assert PT.coded("http_502", "reason") == "erro HTTP 502"
    assert PT.coded("dns", "reason") == "nome do servidor não resolvido"
    assert PT.coded("contato na blacklist", "reason") == "contato na blacklist"
    assert PT.coded(None, "reason") == "sem motivo informado"
    assert PT.coded("Falha", "reason") == "sem motivo (a Matrix diz só Falha)"


RAISES = {"TryLater", "AnswerLost", "Refused", "LoginRefused", "BadAnswer", "NotFound"}


def _codes_raised() -> Iterator[str]:
    """Every plain text that an upstream, source or gateway gives as the reason of a failure."""
    folder = Path(bot.__file__).parent
    for path in [folder / "upstream.py", *folder.glob("sources/**/*.py"), *folder.glob("gateways/**/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "id", "")
            given = [*node.args[:1]] if name in RAISES else []
            given += [k.value for k in node.keywords if k.arg == "reason"]
            texts = [n for text in given for n in ast.walk(text) if isinstance(n, ast.Constant)]
            yield from (n.value for n in texts if isinstance(n.value, str) and n.value.isidentifier())


@pytest.mark.parametrize("words", [PT, EN])
def test_every_reason_that_a_system_may_give_is_told_in_words(words: Words) -> None:
    codes = {code for code in _codes_raised() if code not in {"http_", "cod_error"}}
    assert len(codes) > 15
    theirs = {key for name in GATEWAYS for key in adapters_words(words.language, name, ("oltcloud",))}
    untold = {code for code in codes if words.coded(code, "reason") == code}
    assert {code for code in untold if f"reason.{code}" not in theirs} == set()


def test_today_is_told_without_its_date() -> None:
    for key in ("already_approved", "already_denied", "already_sent"):
        assert "(14:32)" in PT.plain(f"declined.{key}", by="Ana", at=NOW, now=NOW)
    for key in ("source_up", "telegram_back", "gateway_up"):
        assert "desde 14:32" in PT.plain(f"notice.{key}", since=NOW, now=NOW, source="oltcloud")
    assert "até 14:32." in PT.plain("declined.cooldown", port="P", until=NOW, now=NOW)


@pytest.mark.parametrize("file", [*Path(bot.__file__).parent.rglob("*.toml")], ids=lambda file: file.name)
def test_no_new_line_is_swallowed_by_the_block_before_it(file: Path) -> None:
    """A line that ends in a block needs `+%}`, or the template eats its end."""
    assert not re.findall(r".{0,40}[^+]%\}\\n.{0,40}", file.read_text())


@pytest.mark.parametrize("words", [PT, EN])
def test_what_a_signal_changed_is_told_line_by_line(words: Words) -> None:
    changes = (Change("HSM_RATE", "auto", "7"), Change("QUIET_BELOW", "20", "30"))
    told = words.say("notice.settings_changed", changes=changes, restart=("DATA_DIR",))
    assert len(told.splitlines()) == 4
