"""Many dispatches look their customers up at once: a limit for each who is asked, and nobody is given up."""

import asyncio
import random

import pytest

from bot.directories.own import Own
from bot.domain.customer import Affected, Link
from bot.domain.incident import Port
from bot.domain.rules import Rules
from bot.sources.network import Network
from bot.steps.enrich import Enricher
from tests.fakes import FakeClock, FakeErp, FakeSource, incident, settled
from tests.patience import PATIENCE

DISPATCHES, CUSTOMERS, AT_ONCE = 12, 10, 4


@pytest.mark.bug(
    "a tap that approved many cases had its own look-ups wait for a connection until they failed"
)
async def test_many_dispatches_share_the_look_ups() -> None:
    source = FakeSource()
    for n in range(1, DISPATCHES + 1):
        source.outage(incident(n, place=f"1/{n}"), CUSTOMERS, 100 * n)
    rng = random.Random(1)  # noqa: S311
    enricher = Enricher(source, Own(source), Rules(look_ups=AT_ONCE), FakeClock(), rng)
    found = await asyncio.gather(*(enricher.enrich([str(n)]) for n in range(1, DISPATCHES + 1)))
    assert source.most_asking == AT_ONCE
    assert [len(one.contacts) for one in found] == [CUSTOMERS] * DISPATCHES
    assert not any(one.failed or one.unread for one in found)


class Hanging(FakeSource):
    """A source that takes every question and never answers."""

    async def affected(self, incident_id: str) -> Affected:
        self.read.append(incident_id)
        await asyncio.Event().wait()
        raise AssertionError

    async def links(self, port: Port) -> dict[str, Link]:
        await self.affected(port.key)
        raise AssertionError


@pytest.mark.bug("one source, or an ERP, that hung kept everybody's look-ups at the others waiting")
async def test_one_that_hangs_keeps_nobody_from_the_others() -> None:
    here, away, erp = FakeSource(), Hanging("b", ids="b:one:"), FakeErp()
    for n in (1, 2):
        here.outage(incident(n, place=f"1/{n}"), 1, 100 * n)
    both = Network([here, away])  # type: ignore[list-item]
    rng = random.Random(1)  # noqa: S311
    enricher = Enricher(both, erp, Rules(look_ups=AT_ONCE), FakeClock(), rng)
    there = Port("b/one/9:1/1", "CB 09", "1/1")
    hanging: list[asyncio.Future[object]] = [
        asyncio.ensure_future(enricher.enrich([f"b:one:9:1:{n}"])) for n in range(AT_ONCE)
    ]
    hanging += [asyncio.ensure_future(enricher.links([there])) for _ in range(AT_ONCE)]
    await settled()
    assert len(away.read) == AT_ONCE, "of all together"
    async with asyncio.timeout(PATIENCE):
        assert len((await enricher.enrich(["1"])).affected.onus) == 1
        erp.gate = asyncio.Event()
        hanging += [asyncio.ensure_future(enricher.enrich(["1"])) for _ in range(AT_ONCE)]
        await settled()
        assert len((await enricher.read(["2"]))[0].onus) == 1
        assert len(await enricher.links([incident(2, place="1/2").port])) == 1
    for one in hanging:
        one.cancel()
    await asyncio.gather(*hanging, return_exceptions=True)
