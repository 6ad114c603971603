"""What the flow relies on in every directory of customers (`bot.ports.Directory`)."""

from collections import Counter

import pytest

from bot.domain.customer import Contact, Onu, Service
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, TryLater
from bot.simulator.server import Answer, DropBefore, Fault, Garbage, HtmlPage, Throttle

from .conftest import DirectoryRig

BOTH = "(61) 99999-0000 / (61) 3333-0000"


def key(onu: Onu) -> str:
    assert onu.key is not None
    return onu.key


async def record(rig: DirectoryRig, onu: Onu) -> Contact | None:
    answer = await rig.adapter.customers([onu])
    assert answer.error is None
    return answer.records[key(onu)]


async def test_a_record_as_it_is(directory: DirectoryRig) -> None:
    onu = directory.add("Zé & <b>Filhos</b> 🌻", "(61) 99999-0000", "(61) 3333-0000")
    found = await record(directory, onu)
    assert found is not None
    assert (found.name, found.phone, found.service) == ("Zé & <b>Filhos</b> 🌻", BOTH, Service.ON)


async def test_a_record_without_a_phone(directory: DirectoryRig) -> None:
    found = await record(directory, directory.add("Maria", "", ""))
    assert found is not None
    assert (found.name, found.phone) == ("Maria", "")


async def test_no_record(directory: DirectoryRig) -> None:
    directory.add()
    assert await record(directory, directory.stranger()) is None


async def test_many_at_once_are_told_apart_and_asked_for_gently(directory: DirectoryRig) -> None:
    onus = [directory.add(f"Cliente {n}") for n in range(40)]
    directory.server.faults.latency = 0.001
    records: dict[str, Contact | None] = {}
    for first in range(0, len(onus), directory.adapter.at_once):
        answer = await directory.adapter.customers(onus[first : first + directory.adapter.at_once])
        assert answer.error is None
        records |= answer.records
    assert [contact and contact.name for contact in map(records.get, map(key, onus))] == [
        f"Cliente {n}" for n in range(40)
    ]
    assert directory.server.max_in_flight <= 10


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Throttle(5), TryLater),
        (HtmlPage(502), AnswerLost),
        (DropBefore(), AnswerLost),
        (HtmlPage(200), BadAnswer),
        (Garbage(), BadAnswer),
        (Answer(200, '"IP nao liberado"'), BadAnswer),
        (Answer(200, "{}"), BadAnswer),
        (Answer(200, "[" * 200), BadAnswer),
        (Answer(200, '{"x":"' + "x" * 5_000_000 + '"}'), BadAnswer),
        (Answer(500, "SQLSTATE[42S22]"), AnswerLost),
    ],
    ids=lambda given: type(given).__name__ if not isinstance(given, type) else given.__name__,
)
async def test_faults_are_typed_and_never_taken_for_no_record(
    directory: DirectoryRig, fault: Fault, error: type[BotError]
) -> None:
    onu = directory.add()
    directory.server.faults.always(fault, match=lambda path: directory.about in path)
    answer = await directory.adapter.customers([onu])
    assert answer.records == {}
    assert isinstance(answer.error, error)
    if isinstance(answer.error, TryLater):
        assert answer.error.retry_after == 5


async def test_it_never_retries_an_answer(directory: DirectoryRig) -> None:
    onu = directory.add()
    directory.server.faults.always(HtmlPage(503), match=lambda path: directory.about in path)
    assert isinstance((await directory.adapter.customers([onu])).error, AnswerLost)
    asked = Counter((request.path, request.body) for request in directory.server.requests)
    assert max(asked.values()) == 1


async def test_one_that_is_down_was_never_reached(directory: DirectoryRig) -> None:
    onu = directory.add()
    await directory.server.stop()
    answer = await directory.adapter.customers([onu])
    assert isinstance(answer.error, TryLater)
    assert answer.records == {}


async def test_a_refused_key_is_no_missing_record(erp: DirectoryRig) -> None:
    onu = erp.add()
    assert erp.break_key is not None
    erp.break_key()
    answer = await erp.adapter.customers([onu])
    assert isinstance(answer.error, LoginRefused)
    assert answer.records == {}


async def test_the_contract_of_the_onu_says_who_has_service(erp: DirectoryRig) -> None:
    services = []
    for standing in ("active", "blocked", "cancelled"):
        found = await record(erp, erp.add(standing=standing))
        assert found is not None
        services.append(found.service)
    assert services == [Service.ON, Service.BLOCKED, Service.ENDED]


async def test_it_says_where_they_are(erp: DirectoryRig) -> None:
    found = await record(erp, erp.add())
    assert found is not None
    assert found.district
    assert found.city == "Goiânia"


async def test_both_spellings_of_a_serial_are_one(erp: DirectoryRig) -> None:
    onu = erp.add("Ana")
    other = erp.spelt(onu, onu.serial[:4].encode().hex() + onu.serial[4:])
    assert other.key == onu.key
    found = await record(erp, other)
    assert found is not None
    assert found.name == "Ana"
    assert erp.write_hex is not None
    erp.write_hex()
    found = await record(erp, onu)
    assert found is not None
    assert found.name == "Ana"


async def test_the_client_ids_of_a_source_mean_nothing_to_an_erp(erp: DirectoryRig) -> None:
    """Equal numbers of two systems are two people."""
    other = erp.add("Outra Pessoa")
    assert erp.customer_id is not None
    stranger = erp.stranger(client_id=erp.customer_id(other))
    assert await record(erp, stranger) is None
