"""Attack: a customer's phone, in every spelling and in every text, against what the group is shown of them.

Nobody but an approver in their own chat reads more of it than the last four digits.
"""

import asyncio
import random
import unicodedata
from itertools import product
from pathlib import Path

import pytest

from bot.chat.screens.pages.customer import Answer, customer
from bot.chat.screens.pages.unreached import LISTS, unreached
from bot.domain import events as ev
from bot.domain.limits.opted_out import OptOut
from bot.domain.lookup.sought import Customer
from bot.domain.lookup.told import told
from bot.domain.plan import Outcome, Recipient, Skip
from bot.simulator.telegram.api import BotApi
from tests.chat.room import ANA, BETO, opened, people
from tests.chat.screens import APPROVED, PT, story
from tests.fakes import BRUNO, NOON
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack

PHONE = "5561999990001"
BETWEEN = ("", " ", "-", ".", "/", "_", "–", "\u2011", "\u200b", "x", ") (")
WIDE = str.maketrans("0123456789", "０１２３４５６７８９")
TEXTS = [
    text
    for digits, between in product((PHONE, PHONE[2:], PHONE[-9:], "99999-0001"), BETWEEN)
    for plain in [between.join(digits)]
    for text in (plain, f"João {plain}", plain.translate(WIDE))
]

_TWINS = tuple(Recipient(f"c{n}", "Bia", (f"Z{n}",), f"{PHONE[:-1]}{n}") for n in (2, 3))


def _shown(name: str, reason: str, why: str, serial: str) -> list[str]:
    """What the group may be shown of the customer, with what buttons say."""
    one = Recipient("c1", name, (serial,), PHONE)
    same = Recipient("c2", name, (serial,), PHONE, Skip.SAME_PHONE)
    lines: list[ev.Line] = [APPROVED, ev.Planned(1, 2, (one, same)), ev.Intent(1, "c1")]
    lines += [ev.Result(1, "c1", Outcome.REJECTED, None, reason), ev.Settled(1, "done")]
    book = story(*lines, ev.IncidentEnded(1))
    screens = []
    for who in (one, same):
        found = Customer(who.id, name, PHONE, (serial,), (1,))
        about = Answer([found], found, [told(book, 1, who.id)], OptOut(NOON, BRUNO, why))
        screens += [about, Answer([found] * 3, token=1), Answer([found] * 20, found, about.outages)]
    drawn = [customer(answer, PT, book.last_at, full=False) for answer in screens]
    return ["".join([s.html, *(f"{b.text} {b.data}" for row in s.rows for b in row)]) for s in drawn]


def _digits(text: str) -> str:
    return "".join(str(unicodedata.decimal(c)) for c in text if c.isdecimal())


async def _asked(tries: Tries) -> None:
    """In the group itself: one customer, a choice of two, and by somebody who may not."""
    plan = ev.Planned(1, 2, (Recipient("c1", "Ana", ("Z1",), PHONE), *_TWINS))
    asked = ((ANA, "ana"), (ANA, "61 99999-0001"), (BETO, "ana"), (ANA, "bia"), (BETO, "bia"))
    async with BotApi() as api:
        people(api)
        api.group_limit = None
        async with opened(api) as room:
            await room.outage()
            await room.card()
            await room.line(APPROVED, plan, ev.Intent(1, "c1"))
            for user, text in asked:
                tries.runs += 1
                said = await api.say(user, f"/cliente {text}")
                await api.wait(lambda api: any(m.reply_to == said.id for m in api.messages()))  # noqa: B023
                page = next(m for m in api.messages() if m.reply_to == said.id)
                if user == BETO:
                    tries.check("Z1" not in page.text and not page.keyboard, "who may not decide is answered")
                elif page.keyboard:
                    await api.tap(user, page, "Bia")
                    await api.wait(lambda _: "Caso 1" in page.text)  # noqa: B023
                told_here = f"{page.html} {[button.text for row in page.keyboard for button in row]}"
                tries.check(PHONE[-8:-1] not in _digits(told_here), f"the group reads a whole phone: {text}")


def attack(tries: Tries, _folder: Path) -> None:
    """Every text in each place, then at random in all of them; and lists of plans whose texts are plain."""
    dice = random.Random(1)  # noqa: S311
    stories = [("Ana", "x", "y", "ZTEG1"), *((text, "x", "y", "ZTEG1") for text in TEXTS)]
    stories += [("Ana", text, "y", "ZTEG1") for text in TEXTS]
    stories += [("Ana", "x", text, "ZTEG1") for text in TEXTS]
    stories += [("Ana", "x", "y", text) for text in TEXTS]
    stories += [tuple(dice.choices(TEXTS, k=4)) for _ in range(100)]  # type: ignore[misc]
    for places in stories:
        tries.runs += 1
        for shown in _shown(*places):
            tries.check(PHONE[-8:] not in _digits(shown), f"the group reads a whole phone: {places}")
    book = story(APPROVED, ev.Planned(1, 1, (Recipient("c1", "Ana", ("Z",), PHONE, Skip.ONLINE),)))
    for one in LISTS:
        shown = unreached(book.cases[1], one, 0, PT).html
        tries.check(PHONE[-8:] not in _digits(shown), "a list of Detalhes has a whole phone")
    asyncio.run(_asked(tries))


def test_group(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)
