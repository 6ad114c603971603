"""Matrix's own list of what it sent."""

import json
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.domain.delivery import Arrival
from bot.domain.plan import Message, Sent
from bot.errors import AnswerLost, BadAnswer, BotError, Refused, TryLater
from bot.gateways.matrix.matrix import Matrix
from bot.simulator.matrix import MatrixApi
from bot.simulator.server import Answer, DropAfter, Fault, HalfBody, HtmlPage, Throttle
from tests.fakes import NOON, FakeClock

PHONE = "5561999990000"
ZONE = ZoneInfo("America/Sao_Paulo")
HOUR = timedelta(hours=1)
ROW = {"cod_atendimento": "88", "num_telefone": PHONE, "status": "Lida", "dat_msg": "22/11/2026 12:00:00"}
SENT = Sent("88", PHONE, NOON, "Lida", Arrival.READ)


@pytest.fixture
async def platform(clock: FakeClock) -> AsyncIterator[MatrixApi]:
    async with MatrixApi(now=clock.now) as server:
        yield server


@pytest.fixture
async def gateway(platform: MatrixApi, clock: FakeClock) -> AsyncIterator[Matrix]:
    adapter = Matrix(
        platform.hsm_url, "hsm-secret", templates={"LOS": 114, "POWER": 116}, zone=ZONE, clock=clock
    )
    yield adapter
    await adapter.aclose()


def rows(*these: object, pages: object = 1) -> Answer:
    return Answer(200, json.dumps({"num_pages": pages, "registros": these}))


def asked(platform: MatrixApi) -> list[str]:
    return [request.path.partition("?")[2] for request in platform.requests if request.method == "GET"]


async def test_all_pages_of_each_day_in_the_platforms_time(
    platform: MatrixApi, gateway: Matrix, clock: FakeClock
) -> None:
    clock.time = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)  # 23:30 of the 22nd there
    for number in range(101):
        await gateway.send(Message("501", f"55619999{number:05}", "Maria", "LOS"))
    clock.time += HOUR
    await gateway.send(Message("502", PHONE, "Maria", "LOS"))
    listed = await gateway.sent(clock.time - 2 * HOUR, clock.time)
    assert listed is not None
    assert [sent.reference for sent in listed] == [str(n) for n in range(1, 103)]
    assert listed[-1] == Sent("102", PHONE, clock.time, "Entregue", Arrival.RECEIVED)
    days = ["data_inicial=22/11/2026&data_final=22/11/2026", "data_inicial=23/11/2026&data_final=23/11/2026"]
    assert asked(platform) == [f"{days[0]}&page=1", f"{days[0]}&page=2", f"{days[1]}&page=1"]
    [first, *_] = [request for request in platform.requests if request.method == "GET"]
    assert (first.headers["authorization"], first.body) == ("hsm-secret", b"")


async def test_a_row_that_moves_to_the_next_page_meanwhile_counts_once(
    platform: MatrixApi, gateway: Matrix
) -> None:
    other = {**ROW, "cod_atendimento": "89"}
    for page in ([ROW, other], [other, {**ROW, "cod_atendimento": "90"}]):
        platform.faults.inject(rows(*page, pages="2"))
    listed = await gateway.sent(NOON - HOUR, NOON + HOUR)
    assert [sent.reference for sent in listed or []] == ["88", "89", "90"]


async def test_a_page_without_rows_is_the_last(platform: MatrixApi, gateway: Matrix) -> None:
    platform.faults.inject(rows(ROW, pages=999_999_999))
    platform.faults.inject(rows(pages=999_999_999))
    assert await gateway.sent(NOON - HOUR, NOON + HOUR) == [SENT]
    assert len(platform.requests) == 2


@pytest.mark.parametrize(
    ("changes", "sent"),
    [
        ({}, SENT),
        ({"cod_atendimento": 88}, SENT),
        ({"num_telefone": int(PHONE)}, SENT),
        ({"num_telefone": "+55 (61) 99999-0000"}, SENT),
        ({"dat_msg": "2026-11-22 12:00:00"}, SENT),
        ({"dat_msg": "22/11/2026 12:00"}, SENT),
        ({"status": None}, Sent("88", PHONE, NOON, "")),
        ({"status": "não\r\nentregue a 61999990000"}, Sent("88", PHONE, NOON, "não entregue a …")),
        ({"cod_atendimento": None}, None),
        ({"cod_atendimento": ""}, None),
        ({"cod_atendimento": [88]}, None),
        ({"num_telefone": None}, None),
        ({"num_telefone": "sem"}, None),
        ({"dat_msg": None}, None),
        ({"dat_msg": "ontem"}, None),
        ({"dat_msg": "31/02/2026 12:00:00"}, None),
        ({"dat_msg": "31/12/9999 23:59:59"}, None),
    ],
)
async def test_a_row_that_cannot_be_read_is_passed_over(
    platform: MatrixApi, gateway: Matrix, changes: Mapping[str, object], sent: Sent | None
) -> None:
    last = {**ROW, "cod_atendimento": "90"}
    platform.faults.inject(rows(None, [], {**ROW, **changes}, last))
    listed = await gateway.sent(NOON - HOUR, NOON + HOUR)
    assert listed == [*([sent] if sent else []), Sent("90", PHONE, NOON, "Lida", Arrival.READ)]


@pytest.mark.parametrize(
    "strange", [{"dat_msg": "2026-11-22T12:00:00"}, {"num_telefone": "-"}, {"cod_atendimento": None}]
)
async def test_rows_of_which_none_can_be_read_prove_nothing_absent(
    platform: MatrixApi, gateway: Matrix, strange: Mapping[str, object]
) -> None:
    platform.faults.inject(rows({**ROW, **strange}, "no row"))
    with pytest.raises(BadAnswer, match="no_rows"):
        await gateway.sent(NOON - HOUR, NOON)
    platform.faults.inject(rows({**ROW, **strange}, {**ROW, "dat_msg": "22/11/2026 01:00:00"}))
    assert await gateway.sent(NOON - HOUR, NOON) == []  # one of them can, and it is of another hour


async def test_words_in_latin_1(platform: MatrixApi, gateway: Matrix) -> None:
    body = json.dumps({"num_pages": "1", "registros": [{**ROW, "status": "não"}]}, ensure_ascii=False)
    platform.faults.inject(Answer(200, body.encode("latin-1")))
    assert await gateway.sent(NOON - HOUR, NOON + HOUR) == [Sent("88", PHONE, NOON, "não")]


async def test_a_row_has_whole_seconds_only(platform: MatrixApi, gateway: Matrix) -> None:
    platform.faults.inject(rows(ROW), times=2)
    assert await gateway.sent(NOON + timedelta(milliseconds=700), NOON + HOUR) == [SENT]
    assert await gateway.sent(NOON + timedelta(milliseconds=1700), NOON + HOUR) == []


async def test_the_hour_that_the_end_of_summer_time_repeats(clock: FakeClock, platform: MatrixApi) -> None:
    gateway = Matrix(platform.hsm_url, "k", templates={}, zone=ZoneInfo("America/New_York"), clock=clock)
    first, second = (datetime(2026, 11, 1, hour, 30, tzinfo=UTC) for hour in (5, 6))  # both 01:30 there
    platform.faults.inject(rows({**ROW, "dat_msg": "01/11/2026 01:30:00"}), times=2)
    minute = timedelta(minutes=1)
    for at in (first, second):
        listed = await gateway.sent(at - minute, at + minute)
        assert [sent.at for sent in listed or []] == [at]
    await gateway.aclose()


@pytest.mark.parametrize(
    ("fault", "error", "why"),
    [
        (HtmlPage(502), AnswerLost, "http_502"),
        (HtmlPage(200), BadAnswer, "not_json"),
        (HalfBody(), AnswerLost, "half_answer"),
        (DropAfter(), AnswerLost, "reset"),
        (Throttle(3), TryLater, "throttled"),
        (HtmlPage(403), Refused, "http_403"),
        (Answer(200, '{"cod_error":"1","msg":"sem autorizacao"}'), Refused, "sem autorizacao"),
        (Answer(200, '{"cod_error":5}'), Refused, "refused"),
        (Answer(200, "[]"), BadAnswer, "no_rows"),
        (Answer(200, '{"num_pages":1}'), BadAnswer, "no_rows"),
        (Answer(200, '{"num_pages":null,"registros":[]}'), BadAnswer, "no_rows"),
        (Answer(200, '{"num_pages":"2","registros":{}}'), BadAnswer, "no_rows"),
        (HtmlPage(404), Refused, "http_404"),  # on a page after the first it is no missing list
    ],
)
async def test_a_page_that_cannot_be_read_is_no_missing_message(
    platform: MatrixApi, gateway: Matrix, fault: Fault, error: type[BotError], why: str
) -> None:
    platform.faults.inject(rows(ROW, pages=2))
    platform.faults.inject(fault, times=2)  # a read is repeated once where a connection died
    with pytest.raises(error, match=f"^{why}$"):
        await gateway.sent(NOON - HOUR, NOON + HOUR)


async def test_an_installation_without_such_a_list(platform: MatrixApi, gateway: Matrix) -> None:
    platform.faults.inject(HtmlPage(404))
    assert await gateway.sent(NOON - HOUR, NOON + HOUR) is None
    assert len(platform.requests) == 1


async def test_a_list_that_lags_and_one_that_is_refused(
    platform: MatrixApi, gateway: Matrix, clock: FakeClock
) -> None:
    platform.list_lag = 60.0
    await gateway.send(Message("501", PHONE, "Maria", "LOS"))
    assert await gateway.sent(NOON - HOUR, NOON + HOUR) == []
    clock.time += timedelta(seconds=60)
    assert len(await gateway.sent(NOON - HOUR, NOON + HOUR) or []) == 1
    platform.list_refusal = "sem autorizacao"
    with pytest.raises(Refused):
        await gateway.sent(NOON - HOUR, NOON + HOUR)


@pytest.mark.bug("the check of the gateway asked about tomorrow from 21:00 on")
async def test_the_probes_day_is_the_platforms(
    platform: MatrixApi, gateway: Matrix, clock: FakeClock
) -> None:
    clock.time = datetime(2026, 11, 23, 2, 30, tzinfo=UTC)
    await gateway.probe()
    assert asked(platform) == ["data_inicial=22/11/2026&data_final=22/11/2026&page=1"]


@pytest.mark.parametrize(
    ("status", "arrival"),
    [
        ("Entregue", Arrival.RECEIVED),
        ("ENTREGUE", Arrival.RECEIVED),
        ("Lida", Arrival.READ),
        ("Falha", Arrival.UNDELIVERED),
        ("Erro", Arrival.UNDELIVERED),
        ("Enviada", None),
        ("Não entregue", None),
        ("", None),
    ],
)
async def test_only_words_whose_meaning_is_known_say_what_became_of_a_message(
    platform: MatrixApi, gateway: Matrix, status: str, arrival: Arrival | None
) -> None:
    platform.faults.inject(rows({**ROW, "status": status}))
    [sent] = await gateway.sent(NOON - HOUR, NOON + HOUR) or []
    assert sent.arrival is arrival
    assert sent.status == (status if arrival is None else status.capitalize())


async def test_the_blacklist_is_who_wants_no_messages(platform: MatrixApi, gateway: Matrix) -> None:
    platform.blacklist = {PHONE, "556133334444"}
    assert sorted(await gateway.opted_out() or []) == ["556133334444", PHONE]
    platform.faults.inject(Answer(404, "{}"))
    assert await gateway.opted_out() is None
    odd = [{"num_telefone": PHONE, "tip_blacklist": 2}, 5, {"num_telefone": None, "tip_blacklist": "1"}]
    good = {"num_telefone": "+55 (61) 99999-0000", "tip_blacklist": 1}
    platform.faults.inject(rows(*odd, good))
    assert await gateway.opted_out() == [PHONE]
    for answer in (Answer(200, "[]"), Answer(200, '{"registros": 5}'), HtmlPage(200)):
        platform.faults.inject(answer)
        with pytest.raises(BadAnswer):
            await gateway.opted_out()
    platform.faults.inject(Answer(200, '{"cod_error": 1, "msg": "sem autorizacao"}'))
    with pytest.raises(Refused):
        await gateway.opted_out()
