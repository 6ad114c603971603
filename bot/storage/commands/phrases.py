"""What several of the ledger commands say to the server's administrator."""

from pathlib import Path

from bot.domain.book import Doubt
from bot.storage.disk import Disk
from bot.storage.replay import VIEWS, Trouble, what_is_left
from bot.storage.segments import ledger_folder
from bot.tongue import said as _

BAD = "first bad line"
PLACE = "{file}, line {line}, byte {byte}: {what}"
TWICE = (
    "{file} is there as {packed}, too, and they differ: all above is of the unpacked one. Move the one that "
    "is not right out of the folder"
)
NONE = "{folder} has no ledger: is DATA_DIR right?"
GONE = "{folder} has no ledger, and yet {names} {show}: {anew}"
ROW = "PostgreSQL: line {line} does not stand there as it was written"
"""These the bot reads, too, when a child has verified (`bot.process.nightly`)."""

ROW_CLOSES = "PostgreSQL: line {line} does not stand there as it was written: see python -m bot ledger verify"
"""Why a ledger is closed then."""

NEWER = "lines of a newer version: start that version, it may find nothing wrong"
"""What to do about lines that are as they were written and that this version cannot read."""

OLDER = (
    "older than audit.json, cooldown.json or a checkpoint beside it, or another ledger: it looks like an old "
    "copy, or its last lines are gone; started "
    "on it the bot sends nothing until an approver confirms"
)
"""What to say of a whole ledger that lacks the line that its views were written after."""


ASKS = "a bot that is started on it sends nothing until an approver confirms in the group (/status)"
"""What to say of a backup."""


def counted(count: int, what: str) -> str:
    """`1 line`, `2 lines`."""
    return f"{count} {_(what if count == 1 else what + 's')}"


CODED = {"template": "kind"} | {
    name: name for name in ("outcome", "skip", "end", "choice", "doubt", "mend", "what", "why")
}
"""Which fields of lines hold a code, and of what."""


def term(of: str, code: str) -> str:
    """What a kind of line, a field or a code is called; in English what it is, as in the file.

    So is, elsewhere, what no catalogue has: a kind of tomorrow, a code of a gateway.
    """
    name = f"{of}.{code}"
    own = _(name)
    return code if own == name else own


def place(ledger: Path, trouble: Trouble) -> str:
    """`data/ledger/2026-11.jsonl, line 3, byte 812: what is wrong`."""
    file, what = ledger / trouble.segment, trouble.what
    return _(
        PLACE,
        file=file,
        line=trouble.line,
        byte=trouble.offset,
        what=what,
    )


_DOUBTS: dict[Doubt | None, tuple[str, str]] = {
    None: ("without a clean stop", "it is no old copy"),
    "views": ("older than the files beside it", "it is no old copy"),
    "backup": ("a backup", "it is the newest there is"),
    "future": ("later than it was then", "the clock is right now"),
}


def waits(since: str, doubt: Doubt | None) -> str:
    """What to say of a ledger that nobody trusts yet, whose last line before the start is of `since`."""
    why, what = _DOUBTS[doubt]
    text = (
        "waits for a confirmation: the bot started on a ledger that ends at {since}, {why}; nothing is sent "
        "until an approver confirms in the group (/status) that {what}"
    )
    return _(text, since=since, why=_(why), what=_(what))


def views_in(folder: Path, disk: Disk) -> list[str]:
    """The views that are there, by name. Raises OSError."""
    return sorted(VIEWS.intersection(disk.names(folder)))


def no_ledger(folder: Path, disk: Disk) -> str:
    """What to say of a folder without a segment: a wrong one, or one whose ledger is gone. Raises OSError."""
    views = views_in(folder, disk)
    left = [name for name in [what_is_left(disk, folder)] if name is not None and not views]
    if not views + left:
        return _(NONE, folder=ledger_folder(folder))
    away, mend = [*views, *["ledger"] * len(left)], GONE
    show = _("show that there was one" if len(views) > 1 else "shows that there was one")
    names = _(" and ").join(views + left)
    return _(mend, folder=ledger_folder(folder), names=names, show=show, anew=anew(folder, away))


def anew(folder: Path, away: list[str]) -> str:
    """What to do where the ledger is gone; `away` are the names to move for a new beginning."""
    text = (
        "bring the whole folder back from a backup; only who wants to begin anew, with nothing known of who "
        "was told, moves {names} out of {folder}"
    )
    return _(text, names=_(" and ").join(away), folder=folder)
