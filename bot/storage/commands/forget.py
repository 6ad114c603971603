"""`python -m bot ledger forget PHONE`: a customer's names and phones go, what was done stays.

They stand in `people/` alone. The lines call them by a code that only `people.key` leads to: that they were
told still holds them back, and who asked for no messages still gets none.
"""

import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from bot.domain.events import PersonForgotten
from bot.domain.phone import NoPhone, Phone, parse_phone, without_these
from bot.domain.who import Who
from bot.errors import LedgerClosed, StartupError
from bot.ports import Clock
from bot.storage import codec
from bot.storage.commands.phrases import counted, no_ledger
from bot.storage.commands.upgrade import before
from bot.storage.commands.whose import whose
from bot.storage.disk import Disk
from bot.storage.files import FileLedger
from bot.storage.past.history import visited
from bot.storage.people import months
from bot.storage.postgres.engine import open_alone
from bot.storage.segments import ledger_folder, segments_in, sizes_in
from bot.tongue import said as _

_TAKEN = "taken out of {plans}: name and phone. What was done stays, without them"
_OTHERS = "the folder of each other machine has them until the bot is started there: start it there, too"
_TYPED = re.compile(rb'"kind":"(?:cause_named|denied|denial_explained|silenced|opted_out)"')
_TYPED_IN = (
    "somebody typed the number into a cause, a team or a reason ({where}): it stays there, and in what is "
    "made of the lines (audit.json, index.sqlite, exports), as no line can be changed"
)
_NO_PHONE = {
    NoPhone.LANDLINE: "is a landline: none is ever kept",
    NoPhone.FOREIGN: "is no Brazilian number: none is ever kept",
}


def phone_of(text: str) -> Phone:
    """The phone that was typed, in any spelling; StartupError (exit code 2) where it is none."""
    found = parse_phone(text)
    if isinstance(found, Phone):
        return found
    why = _NO_PHONE.get(found, "is no mobile number with its area code, such as 61999990000")
    raise StartupError(_("what was typed {why}", why=_(why)), code=2)


async def forget(
    folder: Path, phone: Phone, who: Who, clock: Clock, disk: Disk | None = None, *, url: str = ""
) -> str:
    """Take a customer's names and phones away and write that down; what was done, in words.

    Of the same customer under another phone too, and of whoever shares the phone. The bot must not run.
    StartupError (exit code 1) where that cannot be; whatever was done then, the same command does the rest.
    """
    disk = disk or Disk()
    try:
        async with opened(folder, clock, disk, url) as ledger:
            if kept := before(disk, folder):
                raise StartupError(_delete_first([str(folder / name) for name in kept]), code=1)
            called = ledger.person(phone.digits)
            with visited(folder, disk, ledger.head.seq) as archive:
                theirs = whose(archive, disk, folder, phone, called)
            plans = months.without(disk, folder, theirs.by)
            await ledger.rewritten()
            line = PersonForgotten(called, plans, who)
            await ledger.commit(lambda _book, _now: [line])
    except LedgerClosed as error:
        raise StartupError(_("{why}: run it again", why=error), code=1) from error
    except OSError as error:
        text = _("{folder} cannot be written ({why}): run it again", folder=folder, why=error.strerror)
        raise StartupError(text, code=1) from error
    return "\n".join(
        [
            _(_TAKEN, plans=counted(plans, "plan")),
            _("backups made before still have them"),
            *([_(_OTHERS)] if url else []),
            _("the name of an ONU that was never linked to their record is not found by a phone"),
            *([_("they asked for no messages: that stays")] if called in ledger.book.opted_out else []),
        ]
    )


def left_in_texts(folder: Path, phone: Phone, disk: Disk | None = None) -> str:
    """Where somebody typed the phone into what is in the lines for ever, in words; empty where nobody did.

    StartupError (exit code 1) where they cannot be read.
    """
    disk = disk or Disk()
    cases, others = set[int](), list[int]()
    try:
        for name, size in sizes_in(disk, folder).items():
            for raw in disk.lines(ledger_folder(folder) / name, 0, size):
                if not _TYPED.search(raw):
                    continue
                line = codec.unseal(raw)
                texts = (getattr(line.line, field, "") for field in ("cause", "team", "reason"))
                if all(without_these(text, [phone.key]) == text for text in texts):
                    continue
                case = getattr(line.line, "case", None)
                if case is None:
                    others.append(line.seq)
                else:
                    cases.add(abs(case))
    except (OSError, codec.BadLine) as error:
        text = _("{path} cannot be read: {why}", path=ledger_folder(folder), why=error)
        raise StartupError(text, code=1) from error
    if not cases and not others:
        return ""
    named = [_("of case {cases}", cases=", ".join(map(str, sorted(cases))))] if cases else []
    lines = [_("on line {lines}", lines=", ".join(map(str, others)))] if others else []
    return _(_TYPED_IN, where="; ".join(named + lines))


def _delete_first(copies: Sequence[str]) -> str:
    away = f"-r {' '.join(copies)}"
    text = (
        "{copies} still has everybody's names and phones, as it was before the upgrade. The bot needs "
        "nothing of it: once all went well since, rm {away}, and run it again (in a container: docker "
        "compose run --rm --entrypoint rm bot {away})"
    )
    return _(text, copies=_(" and ").join(copies), away=away)


@asynccontextmanager
async def opened(folder: Path, clock: Clock, disk: Disk, url: str = "") -> AsyncIterator[FileLedger]:
    """The ledger, to be written (`url`: of a database); StartupError (exit code 1) where it cannot be."""
    try:
        if not url and not segments_in(disk, folder):
            raise StartupError(no_ledger(folder, disk), code=1)
    except OSError as error:
        text = _("{folder} cannot be used: {why}", folder=folder, why=error.strerror)
        raise StartupError(text, code=1) from error
    async with open_alone(folder, clock, disk, url) as ledger:
        if ledger.closed is not None:
            raise StartupError(ledger.closed, code=1)
        yield ledger
