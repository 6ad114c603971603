"""What the gateway's platform says of our account: read now and then, and never waited for long.

What is wrong goes into the ledger (`steps/account.py`), where rules and cards find it; texts are kept here.
"""

import asyncio
import logging
import math
from collections.abc import Mapping

from bot.domain.case import Case
from bot.domain.delivery import TemplateNews
from bot.domain.limits.account import called_in, held_by, templates_of
from bot.domain.limits.daily import Allowed
from bot.domain.limits.templates import Template, Trouble, filled
from bot.domain.plan import Message
from bot.domain.rules import InForce, Rules
from bot.errors import AnswerLost, BadAnswer, Refused, TryLater
from bot.flow.policy import Policy
from bot.ports import Allowance, Clock, Gateway, Ledger, Templates
from bot.steps.account import allow, judge
from bot.steps.gate import facts_of

log = logging.getLogger(__name__)

FRESH = 300.0  # seconds that a reading serves
TRIED = 30.0  # the same of one that failed, or found what holds sends back: somebody may be mending it
WITHIN = 2.0  # seconds that an approval, or a plan, waits for a reading: after that it goes on without


class Platform:
    """One reading at a time, for everybody who wants to know."""

    def __init__(
        self, gateway: Gateway, ledger: Ledger, policy: Policy, in_force: InForce, clock: Clock
    ) -> None:
        self._templates = gateway if isinstance(gateway, Templates) else None
        self._allowance = gateway if isinstance(gateway, Allowance) else None
        self._ledger, self._policy, self._in_force, self._clock = ledger, policy, in_force, clock
        self._texts: dict[str, str] = {}
        self._read_at, self._good = -math.inf, False
        self._reading: asyncio.Task[None] | None = None

    @property
    def _rules(self) -> Rules:
        return self._in_force.rules

    def look(self) -> None:
        """Have it read where what is known is old; nobody waits for it."""
        asks = (self._templates or self._allowance) and not self._rules.dry_run
        reads = self._reading is not None and not self._reading.done()
        if asks and not reads and self._clock.monotonic() >= self._due():
            self._read_at, self._good = self._clock.monotonic(), False
            self._reading = asyncio.ensure_future(self._read())

    async def fresh(self) -> None:
        """Return once what is known is of the last minutes, or `WITHIN` is over: never raises.

        A platform that does not answer keeps nobody from being told of an outage: what is wrong with a
        template the first send finds out, too.
        """
        self.look()
        if self._reading is not None and not self._reading.done():
            await asyncio.wait({self._reading}, timeout=WITHIN)

    async def news(self, name: str, language: str, trouble: Trouble | None) -> None:
        """What the platform tells by itself of a template of ours (None: all is well with it)."""
        if language and self._rules.language not in {"", language}:
            return
        ours = [template for template, called in self._rules.templates.items() if called == name]
        await self._policy.observe(judge(dict.fromkeys(ours, (name, trouble))))

    async def heard(self, news: TemplateNews) -> None:
        """The same in the platform's own words. What is about no template that it names is looked up."""
        meant = self._templates.means(news.event) if self._templates is not None else "nothing"
        if meant != "nothing" and news.name:
            await self.news(news.name, news.language or "", meant)
            return
        self._good = False
        self.look()

    def said(self, case: Case, name: str) -> list[str]:
        """What a customer of that name would read now, for each template of the case whose text is known."""
        dispatch = case.dispatch
        planned = dispatch is not None and dispatch.progress is not None
        facts = dispatch.facts if dispatch is not None and planned else facts_of(case, self._clock.now())
        rules, said = self._rules.of(case.region), []
        for family in templates_of(case, rules):
            template = called_in(dispatch, family, rules)
            texts = rules.texts if template == rules.template(family) else self._rules.texts
            message = Message("", "", name, template, facts.started, facts.eta, facts.ended, facts.cause)
            if text := self._texts.get(template) or texts.get(family):
                said.append(filled(text, self._values(message)))
        return said

    def drain(self) -> None:
        """Nothing more is read."""
        self._read_at = math.inf
        if self._reading is not None:
            self._reading.cancel()

    def _values(self, message: Message) -> Mapping[str, str]:
        return {} if self._templates is None else self._templates.fills(message)

    def _due(self) -> float:
        """When to read again: sooner than that where something holds sends back."""
        book, now = self._ledger.book, self._clock.now()
        held = held_by(book, self._rules.templates, self._rules, now)
        return self._read_at + (TRIED if held or not self._good else FRESH)

    async def _read(self) -> None:
        """Both at one time; what cannot be read stays as it was known."""
        self._good = all(await asyncio.gather(self._read_templates(), self._read_allowance()))

    async def _read_templates(self) -> bool:
        try:
            found = await self._templates.templates() if self._templates is not None else None
        except (TryLater, AnswerLost, Refused, BadAnswer) as error:
            log.info("the templates could not be read: %s", error)
            return False
        if found is not None:
            self._texts = {template: one.text for template, one in found.items() if one.text}
            await self._policy.observe(judge({template: _worst(one) for template, one in found.items()}))
        return True

    async def _read_allowance(self) -> bool:
        try:
            said = await self._allowance.allowance() if self._allowance is not None else None
        except BadAnswer as error:  # what was known of it stays, and asking sooner helps nobody
            log.info("the daily limit was not told: %s", error)
            return True
        except (TryLater, AnswerLost, Refused) as error:
            log.info("the daily limit could not be read: %s", error)
            return False
        # What a gateway before this one said, or this one once, is no limit of what it does not limit now.
        await self._policy.observe(allow(said or Allowed()))
        return True


def _worst(one: Template) -> tuple[str, Trouble | None]:
    return one.name, one.troubles[0] if one.troubles else None
