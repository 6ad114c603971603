"""Why the ledger is closed, in the language of who reads it, and what helps."""

from datetime import timedelta

import pytest

from bot.chat.screens.reasons import why_closed
from bot.chat.screens.words import Words
from bot.errors import Closed
from tests.chat.screens import EN, PT

ALL = (
    Closed("/srv/x, line 4 is damaged", "damaged", file="2026-11.jsonl", line=4),
    Closed("/srv/x is gone", "gone"),
    Closed("/srv/x could not be written (No space left on device)", "full"),
    Closed("/srv/x could not be written (Input/output error)", "unwritable"),
    Closed("the ledger does not end where it was left", "elsewhere"),
    Closed("the clock was ahead by 2:00:00", "clock", age=timedelta(hours=2)),
)
PASSES = (Closed("PostgreSQL does not answer", "away"), Closed("another process writes", "fenced"))


@pytest.mark.parametrize("why", [*ALL, *PASSES], ids=lambda why: why.code)
def test_each_reason_has_its_own_words_and_none_of_the_servers(why: Closed) -> None:
    said = [why_closed(why, words) for words in (PT, EN)]
    assert said[0] != said[1]
    assert why_closed("an odd text of the program", PT) not in said
    assert not any("/srv" in text or str(why) in text for text in said)
    assert [text for text in said if "{" in text] == []


@pytest.mark.parametrize(("words", "helps"), [(PT, "reinicie o bot"), (EN, "start the bot anew")])
def test_who_has_to_restart_is_told_so_and_not_to_verify(words: Words, helps: str) -> None:
    for why in ALL[2:]:
        text = why_closed(why, words)
        assert helps in text
        assert "verify" not in text
    assert "2 h" in why_closed(ALL[-1], words)


def test_a_reason_that_nobody_named_sends_to_the_log() -> None:
    assert "log" in why_closed("a line of kind x does not fit the state", PT)
