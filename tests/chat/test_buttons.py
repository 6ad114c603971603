"""What the data of a button is read as, and what is never taken for one of ours."""

import pytest

from bot.chat.screens.buttons import Action
from bot.chat.screens.press import Press
from bot.chat.screens.table import decode


@pytest.mark.parametrize(
    "press",
    [
        *(Press(Action.APPROVE, 12, arg) for arg in ("", "f", "n", "l", "fn", "fl")),
        *(Press(Action.RESTORE, 12, arg) for arg in ("", "n", "l")),
        *(Press(Action.RESUME, case, arg) for case in (12, -12) for arg in ("", "n")),
        *(Press(Action.ETA, 12, arg) for arg in ("60", "120", "240", "480", "none")),
        *(Press(Action.SILENCE, 12, arg) for arg in ("60", "120", "240", "480", "60|works", "480|known")),
        *(Press(Action.ASK_SILENCE, 12, arg) for arg in ("", "works", "maintenance", "known")),
        Press(Action.CAUSE, 12, "cable"),
        Press(Action.UNMUTE, 0, "3"),
        *(Press(Action.PROLONG, 0, f"3.{minutes}.1795000000") for minutes in (60, 240)),
        Press(Action.DIGEST, 0, "2"),
        Press(Action.OPEN_CARD, 12),
        *(Press(action, -12) for action in (Action.STOP, Action.CANCEL, Action.CLOSE, Action.BEGIN)),
        Press(Action.RESUME, -(10**9), "n", 10**6),
        Press(Action.APPROVE, 12, "fl", 3),
        Press(Action.DOUBTS, -12),
        Press(Action.DOUBTS_CSV, -12),
        Press(Action.ASK_CHOOSE, -12, "sent|0|1|abc"),
        Press(Action.CHOOSE, -12, "sent|0|1|abc"),
    ],
    ids=lambda press: press.encode(),
)
def test_what_is_written_is_read(press: Press) -> None:
    assert decode(press.encode()) == press
    assert len(press.encode()) <= 64


@pytest.mark.parametrize(
    "data",
    [
        *("ok:12:nf", "ok:12:ff", "ok:12:x", "go:12:l", "up:12:f", "eta:12:61", "eta:12:", "why:12:rain"),
        *(
            "mute:12:0",
            "mute:12:none",
            "unmute:0:",
            "mute+:0:3.61.9",
            "mute+:0:3.60.",
            "unmute:0:-1",
            "list:0:x",
            "mine:12:x",
            "begin:12:n",
        ),
        *("ok:-12:", "no:-12:other", "who:-12:", "up:-12:", "mine:-12:", "apart:-12:", "card:-12:"),
        *(
            "ok:12.0:",
            "ok:12.:",
            "ok:12.01:",
            "ok:12.-1:",
            "ok:12.1.1:",
            "ok:.1:",
            "no:12.1:other",
            "stop:12.1:",
        ),
        *("stop:--12:", "stop:-:", "stop:-0:", "stop:1-2:", "stop:+12:", "stop:\u0661:", "stop::", ":", ""),
    ],
)
def test_what_is_never_written_is_no_button(data: str) -> None:
    assert decode(data) is None
    assert decode(None) is None
