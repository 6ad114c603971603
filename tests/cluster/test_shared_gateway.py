"""What holds for a gateway holds for one that several machines send by (tests/contracts/test_gateway.py)."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from bot.domain.plan import Message, Receipt
from bot.gateways.adapter import Sender
from bot.process.clock import SystemClock
from bot.process.cluster import sharing
from bot.process.cluster.lending import Lending
from bot.process.cluster.sharing import Sharing
from bot.storage.postgres import sends
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.notices import Notices
from bot.storage.postgres.sends import CHANNEL, Handing, Taking
from tests.contracts.conftest import GATEWAY_RIGS, GatewayRig
from tests.contracts.test_gateway import (  # noqa: F401 - they are run here
    test_100_messages_at_once_arrive_once_each,
    test_a_bad_key_halts,
    test_a_broken_template_halts,
    test_a_message_arrives_once,
    test_a_refusal_is_rejected_with_its_reason,
    test_a_success_that_cannot_be_read_is_accepted_and_says_so,
    test_each_template_arrives_with_whatever_is_known,
    test_once_it_may_have_left_it_is_unknown_and_not_sent_again,
    test_throttled_means_that_nothing_was_sent,
)
from tests.isp import until

pytestmark = pytest.mark.process
LONG = 60.0  # seconds that a question may take beside a whole suite


class Shared:
    """A gateway of two machines: the first message goes by the one that stands by."""

    def __init__(self, adapter: Sender, sharing: Sharing) -> None:
        self._adapter, self._sharing = adapter, sharing

    def __getattr__(self, name: str) -> object:
        return getattr(self._adapter, name)

    async def send(self, message: Message) -> Receipt:
        return await self._sharing.send(message)


async def _left(_about: str, _receipt: Receipt) -> None:
    raise AssertionError("nobody led before")


@pytest.fixture(params=sorted(GATEWAY_RIGS))
async def gateway(
    request: pytest.FixtureRequest, database: str, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[GatewayRig]:
    """Each gateway that sends, by two machines."""
    monkeypatch.setattr(sharing, "TAKEN_WITHIN", LONG)
    monkeypatch.setattr(sends, "ALIVE", 600)
    listen = partial(Notices, database, channel=CHANNEL)
    lease = Lease(database, "noc-a 1", ttl=600, patience=LONG)
    assert await lease.take() is not None
    await lease.close()
    async with GATEWAY_RIGS[request.param]() as rig:
        handing, taking = (
            Handing(database, 1, "same", patience=LONG),
            Taking(database, "noc-b 2", "same", patience=LONG),
        )
        both = Sharing(handing, listen, rig.adapter.send, _left, SystemClock())
        lending = Lending(taking, listen, rig.adapter, most=20)
        rig.adapter.guard(lambda: True)  # it is both machines' here
        both.start()
        lending.start()
        await until(lambda: both.machines == 2)
        rig.adapter = Shared(rig.adapter, both)  # type: ignore[assignment]
        yield rig
        assert lending.count > 0, "one at least went by the other machine"
        await lending.stop()
        await both.stop()
