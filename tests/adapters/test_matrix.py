"""Matrix, fact by fact; what counts is what the server received."""

import json
from collections.abc import AsyncIterator
from zoneinfo import ZoneInfo

import pytest

from bot.domain.plan import Mend, Message, Outcome, Receipt
from bot.errors import Refused, TryLater
from bot.gateways.matrix.latin1 import spell_name
from bot.gateways.matrix.matrix import Matrix
from bot.gateways.reasons import LONGEST_REASON
from bot.simulator.matrix import MatrixApi
from bot.simulator.server import (
    Answer,
    DropAfter,
    DropBefore,
    Fault,
    Garbage,
    HalfBody,
    HtmlPage,
    Throttle,
)
from tests.fakes import FakeClock

from .raw import Connection, raw_server

PHONE = "5561999990000"
MARIA = Message("501", PHONE, "Maria", "LOS")
TEMPLATES = {"LOS": 114, "POWER": 116}
ZONE = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
async def gateway(matrix_api: MatrixApi, clock: FakeClock) -> AsyncIterator[Matrix]:
    adapter = Matrix(matrix_api.hsm_url, "hsm-secret", templates=TEMPLATES, zone=ZONE, clock=clock)
    yield adapter
    await adapter.aclose()


async def test_the_request_is_the_contracts(matrix_api: MatrixApi, gateway: Matrix) -> None:
    receipt = await gateway.send(MARIA)
    assert receipt == Receipt(Outcome.ACCEPTED, reference="1")
    [request] = matrix_api.requests
    assert (request.method, request.path) == ("POST", "/rest/v1/sendHsm")
    assert json.loads(request.body) == {
        "cod_conta": 1,
        "hsm": 114,
        "tipo_envio": 2,
        "contato": {"nome": "Maria", "telefone": PHONE},
    }
    assert request.headers["content-type"] == request.headers["accept"] == "application/json"
    assert request.headers["authorization"] == "hsm-secret"
    assert "cookie" not in request.headers


async def answered(connection: Connection) -> None:
    body = b'{"cod_error":0,"cod_atendimento":1}'
    await connection.request()
    await connection.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))


async def test_the_bytes_are_those_of_the_system_it_replaces(clock: FakeClock) -> None:
    async with raw_server(answered) as server:
        adapter = Matrix(server.url, "hsm-secret", templates=TEMPLATES, zone=ZONE, clock=clock)
        receipt = await adapter.send(Message("501", PHONE, "José da Conceição", "LOS"))
        await adapter.aclose()
    assert receipt == Receipt(Outcome.ACCEPTED, reference="1")
    [request] = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    assert body == (
        rb'{"cod_conta": 1, "hsm": 114, "tipo_envio": 2, "contato": '
        rb'{"nome": "Jos\u00e9 da Concei\u00e7\u00e3o", "telefone": "5561999990000"}}'
    )
    assert b"\r\ncontent-type: application/json\r\n" in head.lower()
    assert b"\r\ncontent-length: %d" % len(body) in head.lower()


async def test_what_the_settings_choose(matrix_api: MatrixApi, clock: FakeClock) -> None:
    gateway = Matrix(
        matrix_api.hsm_url,
        "hsm-secret",
        cookie="route=a1",
        account=7,
        templates=TEMPLATES,
        include_current=True,
        zone=ZONE,
        clock=clock,
    )
    await gateway.send(Message("501", PHONE, "Maria", "POWER"))
    await gateway.send(MARIA)
    await gateway.aclose()
    body = json.loads(matrix_api.requests[0].body)
    assert (body["cod_conta"], body["hsm"], body["bol_incluir_atual"]) == (7, 116, 1)
    assert [request.headers["cookie"] for request in matrix_api.requests] == ["route=a1"] * 2


@pytest.mark.parametrize(
    ("name", "spelt"),
    [
        ("José Antônio da Conceição", "José Antônio da Conceição"),
        ("Jose\u0301", "José"),
        ("Bar “do Zé” – 24h…", 'Bar "do Zé" - 24h...'),
        ("D’Ávila", "D'Ávila"),
        ("Maria 🌻 Silva", "Maria Silva"),
        ("<b>Maria</b>", "<b>Maria</b>"),
        ("Maria\r\n\tda\x00 Silva\u200b\x85", "Maria da Silva"),
        ("Łukasz Škoda", "Lukasz Skoda"),
        ("ﬁbra №5", "fibra No5"),
        ("x" * 200, "x" * 60),
        ("🌻", "Cliente"),
        ("  ", "Cliente"),
        ("李", "Cliente"),
    ],
)
async def test_names_arrive_as_they_were_spelt(
    matrix_api: MatrixApi, gateway: Matrix, name: str, spelt: str
) -> None:
    assert spell_name(name) == spelt
    await gateway.send(Message("501", PHONE, name, "LOS"))
    assert [message.name for message in matrix_api.received] == [spelt]


@pytest.mark.parametrize("as_text", [False, True])
async def test_the_error_code_is_compared_as_text(
    matrix_api: MatrixApi, gateway: Matrix, as_text: bool
) -> None:
    matrix_api.cod_error_as_text = as_text
    matrix_api.refuse("5561888880000", "contato invalido")
    assert (await gateway.send(MARIA)).outcome is Outcome.ACCEPTED
    refused = await gateway.send(Message("502", "5561888880000", "Rui", "LOS"))
    assert refused == Receipt(Outcome.REJECTED, reason="contato invalido")


BAD_KEY = '{"cod_error":1,"msg":"sem autorização"}'


@pytest.mark.parametrize(
    ("answer", "receipt"),
    [
        (Garbage(), Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
        (Answer(200, "{}"), Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
        (Answer(200, "[1]"), Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
        (Answer(200, '{"cod_error": null}'), Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
        (Answer(201, ""), Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
        (
            Answer(200, '{"cod_error": "0", "cod_atendimento": "88"}'),
            Receipt(Outcome.ACCEPTED, reference="88"),
        ),
        (Answer(200, '{"cod_error": 0}'), Receipt(Outcome.ACCEPTED)),
        (Answer(200, '{"cod_error": "00", "cod_atendimento": 9}'), Receipt(Outcome.ACCEPTED, reference="9")),
        (Answer(200, '{"cod_error": ""}'), Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
        (Answer(200, '{"cod_error": 5}'), Receipt(Outcome.REJECTED, reason="cod_error 5")),
        (Answer(200, BAD_KEY), Receipt(Outcome.REJECTED, reason="sem autorização", halt="key")),
        (
            Answer(400, '{"cod_error":1,"msg":"Chave inválida"}'),
            Receipt(Outcome.REJECTED, reason="Chave inválida", halt="key"),
        ),
        (
            Answer(400, '{"cod_error":1,"msg":"telefone fora do padrao"}'),
            Receipt(Outcome.REJECTED, reason="telefone fora do padrao"),
        ),
        (  # latin-1, as the platform is: a refusal that cannot be read would count as sent
            Answer(200, '{"cod_error":1,"msg":"Não autorizado"}'.encode("latin-1")),
            Receipt(Outcome.REJECTED, reason="Não autorizado", halt="key"),
        ),
        (
            Answer(200, '{"cod_error":0,"msg":"às 10h","cod_atendimento":77}'.encode("latin-1")),
            Receipt(Outcome.ACCEPTED, reference="77"),
        ),
        (Answer(200, '{"cod_error":1.0}'), Receipt(Outcome.REJECTED, reason="cod_error 1")),
        (Answer(200, '{"cod_error":true}'), Receipt(Outcome.REJECTED, reason="cod_error 1")),
        (Answer(200, '[{"cod_error":1,"msg":"não"}]'), Receipt(Outcome.REJECTED, reason="não")),
        (Answer(200, '{"cod_error":NaN}'), Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")),
        (  # one customer's opt-out must not stop the others
            Answer(200, '{"cod_error":1,"msg":"contato sem autorizacao para receber HSM"}'),
            Receipt(Outcome.REJECTED, reason="contato sem autorizacao para receber HSM"),
        ),
        (HtmlPage(401), Receipt(Outcome.REJECTED, reason="http_401", halt="key")),
        (HtmlPage(403), Receipt(Outcome.REJECTED, reason="http_403", halt="key")),
        (HtmlPage(404), Receipt(Outcome.REJECTED, reason="http_404", halt="url")),
        (HtmlPage(412), Receipt(Outcome.REJECTED, reason="http_412")),
        (HtmlPage(422), Receipt(Outcome.REJECTED, reason="http_422")),
        (HtmlPage(302), Receipt(Outcome.UNKNOWN, reason="http_302", halt="url")),
        (HtmlPage(500), Receipt(Outcome.UNKNOWN, reason="http_500")),
        (HtmlPage(503), Receipt(Outcome.UNKNOWN, reason="http_503")),
        (DropAfter(), Receipt(Outcome.UNKNOWN, reason="reset")),
        (DropBefore(), Receipt(Outcome.UNKNOWN, reason="reset")),
        (HalfBody(), Receipt(Outcome.UNKNOWN, reason="half_answer")),
    ],
)
async def test_what_each_answer_proves(
    matrix_api: MatrixApi, gateway: Matrix, answer: Fault, receipt: Receipt
) -> None:
    matrix_api.faults.inject(answer)
    assert await gateway.send(MARIA) == receipt
    assert len(matrix_api.requests) == 1


@pytest.mark.bug('"chave do contato invalida", one customer\'s refusal, stopped all')
@pytest.mark.parametrize(
    ("msg", "halt"),
    [
        ("sem autorizacao", "key"),
        ("Usuário sem autorização.", "key"),
        ("não autorizado", "key"),
        ("Acesso negado!", "key"),
        ("chave invalida", "key"),
        ("chave nao informada", "key"),
        ("Token expirado", "key"),
        ("api_key: inválida", "key"),
        ("credenciais de acesso incorretas", "key"),
        ("campo ausente ou invalido: cod_conta", "key"),
        ("cod_conta 7 inexistente", "key"),
        ("hsm nao encontrado", "template"),
        ("HSM não encontrado.", "template"),
        ("hsm 114 nao encontrado", "template"),
        ("HSM não encontrado para a conta 1", "template"),
        ("hsm invalido", "template"),
        ("id do hsm inválido", "template"),
        ("hsm nao informado", "template"),
        ("template inexistente", "template"),
        ("Template reprovado", "template"),
        ("template foi reprovado pela Meta", "template"),
        ("template não aprovado", "template"),
        ("template nao foi aprovado", "template"),
        ("template invalido", "template"),
        ("O template está pausado", "template"),
        ("template not found", "template"),
        ("invalid template", "template"),
        ("modelo desativado", "template"),
        ("campo ausente ou invalido: hsm", "template"),
        ("campo obrigatório: hsm", "template"),
        ("o campo hsm e obrigatorio", "template"),
        ("campo ausente ou invalido: variaveis", "template"),
        ("quantidade de variaveis invalida", "template"),
        ("Variáveis não informadas", "template"),
        ("numero de variaveis diferente do template", "template"),
        ("variáveis do template não conferem", "template"),
        ("faltam variaveis", "template"),
        ("template exige 2 variaveis", "template"),
        ("contato sem autorizacao para receber HSM", None),
        ("contato sem autorizacao", None),
        ("cliente nao autorizado", None),
        ("chave do contato invalida", None),
        ("telefone invalido", None),
        ("telefone invalido para hsm", None),
        ("hsm nao enviado: telefone invalido", None),
        ("hsm nao enviado", None),
        ("hsm nao permitido para o contato", None),
        ("hsm bloqueado para o contato", None),
        ("template nao encontrado para o contato", None),
        ("contato na blacklist", None),
        ("contato bloqueado para hsm", None),
        ("cliente recusou hsm", None),
        ("hsm ja enviado hoje", None),
        ("limite de hsm excedido para o contato", None),
        ("contato com atendimento em aberto", None),
        ("campo ausente ou invalido: contato.telefone", None),
        ("campo ausente ou invalido: contato.nome", None),
        ("numero nao possui conta whatsapp", None),
        ("conta inexistente no whatsapp", None),
        ("variavel 1 muito longa", None),
        ("variavel nome do contato invalida", None),
        ("erro ao enviar template", None),
        ("numero de telefone invalido", None),
        ("", None),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 412])
async def test_which_refusals_are_about_everybody(
    matrix_api: MatrixApi, gateway: Matrix, msg: str, halt: Mend | None, status: int
) -> None:
    matrix_api.faults.inject(Answer(status, json.dumps({"cod_error": 1, "msg": msg})))
    receipt = await gateway.send(MARIA)
    assert (receipt.outcome, receipt.halt) == (Outcome.REJECTED, halt)
    assert receipt.reason == msg if msg else receipt.reason


async def test_429_says_how_long_to_wait(matrix_api: MatrixApi, gateway: Matrix) -> None:
    matrix_api.faults.inject(Throttle(7))
    with pytest.raises(TryLater) as later:
        await gateway.send(MARIA)
    assert later.value.retry_after == 7
    assert matrix_api.received == []


async def test_a_reason_is_one_short_line_without_a_phone(matrix_api: MatrixApi, gateway: Matrix) -> None:
    matrix_api.refuse(PHONE, f"numero {PHONE} ou (61) 99999-0000\r\n<b>invalido</b> " + "x" * 200)
    reason = (await gateway.send(MARIA)).reason
    assert reason is not None
    assert reason.startswith("numero … ou (… <b>invalido</b> xxx")
    assert len(reason) == LONGEST_REASON


async def test_no_cookie_of_the_server_comes_back(matrix_api: MatrixApi, clock: FakeClock) -> None:
    url = matrix_api.hsm_url.replace("127.0.0.1", "localhost")
    gateway = Matrix(url, "hsm-secret", templates=TEMPLATES, zone=ZONE, clock=clock)
    for _ in range(3):
        await gateway.send(MARIA)
    await gateway.aclose()
    assert (len(matrix_api.requests), matrix_api.cookies_replayed) == (3, 0)


async def test_the_probe_asks_for_todays_list_and_sends_nothing(
    matrix_api: MatrixApi, gateway: Matrix
) -> None:
    assert await gateway.probe() == "reachable, key accepted"
    [request] = matrix_api.requests
    assert request.method == "GET"
    assert request.path == "/rest/v1/hsmEnviadas?data_inicial=22/11/2026&data_final=22/11/2026&page=1"
    assert matrix_api.received == []


@pytest.mark.parametrize("refusal", [Answer(200, BAD_KEY), HtmlPage(400), HtmlPage(403)])
async def test_the_probe_of_a_bad_key(matrix_api: MatrixApi, gateway: Matrix, refusal: Fault) -> None:
    matrix_api.faults.inject(refusal)
    with pytest.raises(Refused):
        await gateway.probe()


@pytest.mark.parametrize("fault", [HtmlPage(502), HtmlPage(200), DropAfter(), Throttle(3)])
async def test_the_probe_of_a_gateway_that_is_away(
    matrix_api: MatrixApi, gateway: Matrix, fault: Fault
) -> None:
    matrix_api.faults.inject(fault, times=2)  # a read is repeated once where a connection died
    with pytest.raises(TryLater):
        await gateway.probe()


async def test_the_probe_where_there_is_no_such_list(matrix_api: MatrixApi, gateway: Matrix) -> None:
    matrix_api.faults.inject(HtmlPage(404))
    assert (await gateway.probe()).startswith("reachable")
