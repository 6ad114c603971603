"""`python -m bot check --send-test PHONE`: every configured template once, to one's own phone.

Through the ledger, so that it is on record, and only beside no running bot: the folder has one writer.
"""

import sys
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack

from bot.chat.screens.words import words_in
from bot.domain.phone import Phone, mask, parse_phone
from bot.domain.plan import ARRIVED, Outcome, Receipt
from bot.errors import LedgerClosed, StartupError
from bot.gateways import DRY_RUN, NAMES, would_send
from bot.gateways.adapter import Sender
from bot.ports import Clock
from bot.process.checks.lines import Finding, plain
from bot.process.settings.composed import Settings
from bot.steps.trial import send_trial
from bot.storage.access import of_another_user, who
from bot.storage.postgres.engine import open_alone
from bot.tongue import said, spoken

YES = frozenset({"sim", "yes"})
WHAT = "test message"
_TO = "template {what} to {phone}"
_SAID = {
    Outcome.ACCEPTED: "the gateway took it; look at the phone",
    Outcome.HELD: "the gateway holds it back",
    Outcome.UNCONFIRMED: "an answer came that neither confirms nor refuses it; look at the phone",
    Outcome.REJECTED: "refused",
    Outcome.FAILED: "it did not leave",
    Outcome.UNKNOWN: "it may have left, no answer says so; look at the phone before you try again",
}


def own_phone(text: str) -> Phone:
    """The phone that was typed; StartupError where WhatsApp would not reach it."""
    phone = parse_phone(text)
    if not isinstance(phone, Phone):
        raise StartupError(
            said("--send-test needs your own mobile number with its area code, e.g. 61999990000")
        )
    return phone


def ask_on_terminal(question: str) -> str:
    """What a person types; empty where there is no terminal: a script confirms nothing."""
    if not sys.stdin.isatty():
        return ""
    try:
        return input(question)
    except EOFError:
        return ""


async def send_tests(
    settings: Settings, gateway: Sender, phone: Phone, clock: Clock, ask: Callable[[str], str]
) -> AsyncIterator[Finding]:
    """A line for each template. Nothing is sent in a dry run, beside a running bot, or without a yes."""
    templates = settings.templates()
    own = words_in(would_send(settings.gateway).folder, spoken())
    named = ", ".join(f"{hsm} ({name})" for name, hsm in templates.items())
    if gateway.name == DRY_RUN:
        real = ", ".join(name for name in NAMES if name != DRY_RUN)
        text = said("not sent, this is a rehearsal; it needs GATEWAY ({real}) and DRY_RUN=false", real=real)
        yield Finding(WHAT, False, text)
        return
    async with AsyncExitStack() as stack:
        try:
            folder = settings.data_dir
            another = of_another_user(folder) if folder.exists() else None
            if another is not None:
                yield Finding(WHAT, False, f"{said('not sent')}: {another}")
                return
            url = settings.ledger.get_secret_value()
            ledger = await stack.enter_async_context(open_alone(folder, clock, url=url))
        except (StartupError, OSError) as error:
            mend = said("it is written into the ledger, so stop the bot for it")
            yield Finding(WHAT, False, f"{said('not sent')}: {error}; {mend}")
            return
        try:
            if ledger.closed is not None:
                yield Finding(WHAT, False, f"{said('not sent')}: {ledger.closed}")
                return
            question = 'Send template {named} to {phone} now? Type "sim" or "yes": '
            if ask(said(question, named=named, phone=mask(phone.digits))).strip().casefold() not in YES:
                yield Finding(WHAT, False, said("not sent: nobody typed sim or yes on a terminal"))
                return
            for template, hsm in templates.items():
                receipt = await send_trial(
                    ledger, gateway, clock, template=template, hsm=hsm, phone=phone.digits, by=who()
                )
                yield _finding(said(_TO, what=f"{hsm} ({template})", phone=mask(phone.digits)), receipt, own)
                if receipt.halt is not None and receipt.halt != "template":
                    yield Finding(WHAT, False, said("the others were not sent: they would meet the same"))
                    return
        except LedgerClosed as error:
            yield Finding(WHAT, False, f"{said('stopped, what comes of it cannot be written down')}: {error}")


def _finding(what: str, receipt: Receipt, own: Mapping[str, str]) -> Finding:
    reason = own.get(f"reason.{receipt.reason}") or plain(receipt.reason)
    why = f" ({reason})" if receipt.reason else ""
    return Finding(WHAT, receipt.outcome in ARRIVED, f"{what}: {said(_SAID[receipt.outcome])}{why}")
