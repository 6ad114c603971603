"""Answers tried at once against the real systems, with the code of `check`."""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, aclosing
from dataclasses import dataclass

from telegram.error import Conflict, NetworkError, RetryAfter, TelegramError

from bot.errors import AnswerLost, BadAnswer, Refused, StartupError, TryLater
from bot.gateways.adapter import Catalogue
from bot.ports import Clock
from bot.process.check import steps
from bot.process.checks.lines import Finding
from bot.process.checks.telegram import account, telegram, telegram_said
from bot.process.settings.composed import Settings
from bot.process.wiring import open_gateway

PATIENCE = 900.0  # seconds that somebody has to find the group and write in it
_POLL = 20  # seconds
_PAUSE = 2.0  # seconds, where Telegram was not reached
_ASKED = ["message"]


@dataclass(frozen=True, slots=True)
class Heard:
    """A command that somebody wrote in a group: its id and title, who it was, where to listen from then."""

    group: int
    title: str
    who: str
    after: int


async def system(settings: Settings, what: str, say: Callable[[Finding], None]) -> bool:
    """Try what `check` calls so; whether nothing was bad."""
    good = True
    async with AsyncExitStack() as stack:
        for step in steps(settings, stack):
            if step.what == what:
                async for finding in step.run():
                    say(finding)
                    good = good and finding.good is not False
    return good


async def bots_account(settings: Settings) -> Finding:
    """Whether the token is one, and whose."""
    async with aclosing(telegram(settings)) as found:
        return await anext(found)


async def group(settings: Settings, say: Callable[[Finding], None]) -> bool:
    """The group, the bot's rights there and who decides; whether nothing was bad."""
    good = True
    async with aclosing(telegram(settings)) as found:
        account_s = await anext(found)
        if account_s.good is False:
            say(account_s)
            return False
        async for finding in found:
            say(finding)
            good = good and finding.good is not False
    return good


async def templates(settings: Settings, clock: Clock) -> Sequence[tuple[str, str]]:
    """Which templates the gateway has to choose from; none where it cannot be asked."""
    try:
        gateway = open_gateway(settings, clock)
    except StartupError:
        return ()
    try:
        return (await gateway.catalogue() or ()) if isinstance(gateway, Catalogue) else ()
    except (TryLater, AnswerLost, Refused, BadAnswer):
        return ()  # why it could not is what `check` says, which is tried next
    finally:
        await gateway.aclose()


async def hear(
    settings: Settings, clock: Clock, after: int | None = None, patience: float = PATIENCE
) -> Heard | Finding | None:
    """The next group where somebody writes a command; a finding: why nobody can be heard; None: nobody did.

    What was heard before is confirmed to Telegram only when it is asked for more.
    """
    until = clock.monotonic() + patience
    async with account(settings) as bot:
        while (left := until - clock.monotonic()) > 0:
            try:
                found = await bot.get_updates(
                    offset=after, timeout=max(1, min(_POLL, int(left))), allowed_updates=_ASKED
                )
            except Conflict as error:
                return Finding("Telegram group", False, error.message)
            except (NetworkError, RetryAfter):
                await clock.sleep(min(_PAUSE, left))
                continue
            except TelegramError as error:
                return Finding("Telegram group", False, telegram_said(error))
            for update in found:
                after = update.update_id + 1
                message = update.message
                if message is None or message.chat.id >= 0 or not (message.text or "").startswith("/"):
                    continue
                who = message.from_user.full_name if message.from_user else ""
                return Heard(message.chat.id, message.chat.title or "", who, after)
    return None
