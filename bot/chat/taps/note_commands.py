"""/silenciar, /previsao, /causa, /naoavisar and /avisar: what a person adds, in what they type."""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo

from bot.chat.screens.buttons import Action
from bot.chat.screens.pages.silences import where
from bot.chat.screens.press import Kind, Press
from bot.chat.screens.screen import Button, Screen
from bot.chat.taps.deps import TapDeps
from bot.chat.taps.times import Meant, find, read
from bot.domain.events import CauseNamed, Silenced
from bot.domain.limits.silence import Scope
from bot.domain.phone import Phone, mask, parse_phone
from bot.domain.who import Who
from bot.errors import Declined
from bot.ports import Notice
from bot.steps import describe
from bot.steps.opt_out import opt_in, opt_out

NOTE_COMMANDS = ("silenciar", "previsao", "causa", "naoavisar", "avisar")
ASKED_AT_MOST = 200  # questions remembered; an older one is typed again

_CASE = re.compile(r"(?:(?:caso|case)\s+|#)?(?P<case>\d{1,9})\s+(?P<rest>\S.*)", re.IGNORECASE | re.DOTALL)
_PLACE = re.compile(r"\d+(/\d+)?")
_NONE = frozenset({"nenhuma", "none"})


@dataclass(frozen=True, slots=True)
class Wish:
    """Where silence is to be (what the words may mean, likeliest first), until when, and why."""

    scopes: tuple[Scope, ...]
    meant: Meant
    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """What a question about a time came to: the message that asked shows `screen`."""

    screen: Screen
    toast: str


@dataclass(frozen=True, slots=True)
class _Asked:
    """A command whose time may mean two moments waits for its writer to say which."""

    who: Who
    at: datetime
    in_: datetime
    do: Callable[[datetime], Awaitable[Answered]]


class NoteCommands:
    """Each answers with what was written, or (where it cannot be read) with how it is used.

    The person is an approver by then (`Commands`, `Presses`), the ledger open. A time that may mean two
    moments is asked back: the answer has buttons then, which `choose` takes.
    """

    def __init__(self, deps: TapDeps) -> None:
        self._d = deps
        self._asked: OrderedDict[int, _Asked] = OrderedDict()
        self._last = 0

    async def carry_out(self, name: str, argument: str, who: Who, *, private: bool = False) -> Screen:
        """Do what the command asks for; the answer, which in `private` the group does not see."""
        match name:
            case "silenciar":
                said = await self._silence(argument, who, private=private)
            case "previsao":
                said = await self._forecast(argument, who)
            case "causa":
                said = await self._cause(argument, who)
            case _:
                said = await self._opt(argument, who, out=name == "naoavisar", here=not private)
        return said or Screen(str(self._d.words.say(f"command.how_{name}")))

    async def choose(self, press: Press, who: Who) -> Answered:
        """The person says which of two moments was meant. Declined where nobody remembers the question."""
        asked = self._asked.get(int(press.arg))
        if asked is None:  # answered, or asked before a restart
            raise Declined("old_page", kind=Kind.TIME)
        if asked.who.id != who.id:
            raise Declined("not_yours", kind=Kind.TIME)
        del self._asked[int(press.arg)]
        return await asked.do(asked.at if press.action is Action.TIME_AT else asked.in_)

    async def _silence(self, argument: str, who: Who, *, private: bool) -> Screen | None:
        now = self._d.clock.now()
        wishes = list(read_silence(argument, now, self._zone(now)))
        if not wishes:
            return None
        scope, meant, reason = await self._first_known(wishes)

        async def do(until: datetime) -> Answered:
            lines = await self._d.decide(describe.silence((scope,), who, until, reason))
            silence = next(line for line in lines if isinstance(line, Silenced))
            facts = {"where": where(silence.scopes), "until": silence.until, "reason": silence.reason}
            if private:  # what is silenced is no secret
                self._d.chat.say(Notice("silenced", {**facts, "by": who}))
            then = self._d.clock.now()
            screen = Screen(str(self._d.words.say("command.silenced", **facts, now=then)))
            return Answered(screen, self._d.words.plain("toast.silenced", until=silence.until, now=then))

        def rule(until: datetime) -> None:
            describe.silence((scope,), who, until, reason)(self._d.book, now)

        return await self._do_or_ask(meant, who, now, rule, do, where=where((scope,)), case=None)

    async def _first_known(self, wishes: Sequence[Wish]) -> tuple[Scope, Meant, str]:
        """Of what the words may mean, the first that there is an OLT for."""
        unknown: Declined | None = None
        for wish in wishes:
            for scope in wish.scopes:
                try:
                    (known,) = await self._d.desk.known_olts((scope,))
                except Declined as no:
                    unknown = unknown or no
                else:
                    return known, wish.meant, wish.reason
        raise unknown or Declined("unknown_olt", olt="")

    async def _forecast(self, argument: str, who: Who) -> Screen | None:
        wish = _CASE.fullmatch(argument)
        if wish is None:
            return None
        case, rest, now = int(wish["case"]), wish["rest"].strip(), self._d.clock.now()
        if rest.casefold() in _NONE:
            await self._d.decide(describe.forecast(case, who, None))
            return Screen(str(self._d.words.say("command.forecast_none", case=case)))
        meant = read(rest, now, self._zone(now))
        if meant is None:
            return None

        async def do(eta: datetime) -> Answered:
            await self._d.decide(describe.forecast(case, who, eta))
            then = self._d.clock.now()
            left = round((eta - then).total_seconds())
            facts = {"case": case, "until": eta, "now": then, "left": left}
            screen = Screen(str(self._d.words.say("command.forecast", **facts)))
            return Answered(screen, self._d.words.plain("toast.forecast", until=eta, now=then))

        def rule(eta: datetime) -> None:
            describe.forecast(case, who, eta)(self._d.book, now)

        return await self._do_or_ask(meant, who, now, rule, do, case=case, where="")

    async def _do_or_ask(
        self,
        meant: Meant,
        who: Who,
        now: datetime,
        rule: Callable[[datetime], None],
        do: Callable[[datetime], Awaitable[Answered]],
        **about: object,
    ) -> Screen:
        """Do it, or ask which moment was meant; what the `rule` declines is not asked about first."""
        if meant.lasts is None or meant.at is None:
            return (await do(meant.at or now + (meant.lasts or timedelta()))).screen
        in_ = now + meant.lasts
        rule(min(meant.at, in_))
        self._last += 1
        self._asked[self._last] = _Asked(who, meant.at, in_, do)
        while len(self._asked) > ASKED_AT_MOST:
            self._asked.popitem(last=False)
        facts = {"left": meant.at - now, "now": now, "same_day": self._d.words.is_same_day(meant.at, now)}
        at = self._d.words.plain("button.time_at", at=meant.at, **facts)
        lasts = self._d.words.plain("button.time_in", at=in_, left=meant.lasts, now=now)
        rows = (
            (Button(at, Press(Action.TIME_AT, 0, str(self._last)).encode()),),
            (Button(lasts, Press(Action.TIME_IN, 0, str(self._last)).encode()),),
        )
        return Screen(str(self._d.words.say("command.which_time", **about)), rows)

    def _zone(self, now: datetime) -> tzinfo:
        return self._d.words.local(now).tzinfo or UTC

    async def _cause(self, argument: str, who: Who) -> Screen | None:
        wish = _CASE.fullmatch(argument)
        if wish is None:
            return None
        number = int(wish["case"])
        cause, _, team = wish["rest"].partition(";")
        lines = await self._d.decide(describe.name_cause(number, who, cause, team))
        named = next(line for line in lines if isinstance(line, CauseNamed))
        kept = self._d.book.cases[number].team
        # Its own words, not what the case says by now: another may have been typed meanwhile.
        facts = {"case": number, "cause": named.cause, "team": named.team or kept}
        return Screen(str(self._d.words.say("command.cause_named", **facts)))

    async def _opt(self, argument: str, who: Who, *, out: bool, here: bool) -> Screen | None:
        """A customer on the list of who asked for no messages, or off it.

        The whole phone that was typed `here`, in the group, is a matter for who can delete it.
        """
        found = read_phone(argument)
        if found is None:
            return None
        phone, reason = found
        person, masked = self._d.ledger.person(phone.digits), mask(phone.digits)
        before = self._d.book.opted_out.get(person)
        try:
            await self._d.decide(opt_out(person, who, reason) if out else opt_in(person, who))
        except Declined as no:
            raise Declined(no.code, **no.facts, phone=masked, here=here) from no
        facts = {"phone": masked, "here": here, "by": before and before.by, "at": before and before.at}
        key = "command.opted_out" if out else "command.opted_in"
        return Screen(str(self._d.words.say(key, **facts, now=self._d.clock.now())))


def read_phone(argument: str) -> tuple[Phone, str] | None:
    """The first phone in what was typed, in any spelling, and what follows it; None where there is none."""
    parts = argument.split()
    for end in range(1, len(parts) + 1):
        phone = parse_phone(" ".join(parts[:end]))
        if isinstance(phone, Phone):
            return phone, " ".join(parts[end:])
    return None


def read_silence(argument: str, now: datetime, zone: tzinfo) -> Iterator[Wish]:
    """What the words may mean, likeliest first; nothing where they name no place or no time.

    The first time after the first word ends the place: an OLT's name may have spaces, and end in a number
    that may be meant as a slot.
    """
    parts = argument.split()
    for start, end, meant in find(parts, now, zone):
        named = [part for part in parts[:start] if part != "·"]  # copied from a card: CB 01 · 6/15
        if not named:
            continue
        *olt, last = named
        scopes = [] if "/" in last and _PLACE.fullmatch(last) else [Scope(" ".join(named))]
        if olt and _PLACE.fullmatch(last):
            scopes.append(Scope(" ".join(olt), "/".join(str(int(part)) for part in last.split("/"))))
        if scopes:
            yield Wish(tuple(scopes), meant, " ".join(parts[end:]))
