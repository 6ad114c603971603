"""How many people Meta lets an account write to: each word of it."""

from zoneinfo import ZoneInfo

import pytest

from bot.domain.limits.daily import Allowed
from bot.errors import BadAnswer
from bot.gateways.cloud.cloud import Cloud
from bot.gateways.cloud.limit import allowed, of_tier
from bot.simulator.cloud import NUMBER, CloudApi
from bot.simulator.server import Answer


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("TIER_250", Allowed(250)),
        ("TIER_2K", Allowed(2000)),
        ("TIER_10K", Allowed(10_000)),
        ("TIER_100K", Allowed(100_000)),
        ("TIER_UNLIMITED", Allowed()),
        (-1, Allowed()),
        (1000, Allowed(1000)),
        ("TIER_NOT_SET", None),
        ("TIER_K", None),
        (None, None),
        ([], None),
    ],
)
def test_each_tier(said: object, means: Allowed | None) -> None:
    assert of_tier(said) == means


def test_a_number_that_says_nothing() -> None:
    assert allowed({"id": NUMBER}) is None
    assert allowed([]) is None


async def test_it_is_asked_of_the_number_and_of_no_provider() -> None:
    async with CloudApi() as api:
        api.tier = "TIER_250"
        headers, zone = {"Authorization": f"Bearer {api.token}"}, ZoneInfo("America/Sao_Paulo")
        gateway = Cloud(f"{api.url}/v24.0/{NUMBER}", headers, templates={}, zone=zone)
        assert await gateway.allowance() == Allowed(250)
        api.faults.inject(Answer(200, '{"whatsapp_business_manager_messaging_limit": "TIER_NOT_SET"}'))
        with pytest.raises(BadAnswer):
            await gateway.allowance()
        request = api.requests[0]
        assert request.path == f"/v24.0/{NUMBER}?fields=whatsapp_business_manager_messaging_limit"
        await gateway.aclose()
        provider = Cloud(api.url, headers, templates={}, zone=zone, readable=False)
        assert await provider.allowance() is None
        await provider.aclose()
