"""What reaches stderr, and what never does."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from bot.process.log import HIDDEN, LONGEST, NOISY, Redactor, configure
from bot.process.settings.reading import load

PASSWORD = 'pa"ss\\wörd'
TOKEN = "123456789:AAF-abcdefghijklmnopqrstuvwxyz12345"
SETTINGS = load(
    None,
    {
        "TELEGRAM_TOKEN": TOKEN,
        "TELEGRAM_CHAT_ID": "-1001234567890",
        "API_BASE_URL": "https://isp.example",
        "API_USER": "noc",
        "API_PASS": PASSWORD,
        "URL_HSM": "https://hsm.example/sendHsm",
        "TOKEN_HSM": "hsm-key-1",
        "HSM_ACCOUNT": "1",
        "HSM_ID_LOS": "114",
        "HSM_ID_POWER": "116",
    },
)


@pytest.fixture
def put_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Logging is the process's own: whoever configures it in a test leaves it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    levels = {name: logging.getLogger(name).level for name in NOISY}
    monkeypatch.setattr(logging, "raiseExceptions", True)
    yield
    logging.captureWarnings(False)
    root.handlers[:], root.level = handlers, level
    for name, was in levels.items():
        logging.getLogger(name).setLevel(was)
    structlog.reset_defaults()


def fail(text: str) -> None:
    raise ValueError(text)


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, str]]:
    captured = capsys.readouterr()
    assert captured.out == ""
    return [json.loads(line) for line in captured.err.splitlines()]


@pytest.mark.usefixtures("put_back")
def test_a_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    configure(SETTINGS.secrets())
    structlog.get_logger("bot.flow.flow").info("polled", open=3)
    logging.getLogger("somewhere").warning("odd %s", "thing")
    first, second = lines(capsys)
    assert {**first, "timestamp": ""} == {
        "event": "polled",
        "open": 3,
        "logger": "bot.flow.flow",
        "level": "info",
        "timestamp": "",
    }
    assert first["timestamp"].endswith("Z")
    assert (second["event"], second["level"], second["logger"]) == ("odd thing", "warning", "somewhere")


@pytest.mark.usefixtures("put_back")
def test_secrets_are_gone_from_values_messages_and_tracebacks(capsys: pytest.CaptureFixture[str]) -> None:
    configure(SETTINGS.secrets())
    log = structlog.get_logger("bot.x")
    log.info("login", password=PASSWORD, nested={"key": ["hsm-key-1"]})
    try:
        fail(f"https://api.telegram.org/bot{TOKEN}/getMe {PASSWORD} {PASSWORD!r}")
    except ValueError:
        log.exception("failed")
        logging.getLogger("foreign").exception("failed with %s", TOKEN)
    text = capsys.readouterr().err
    assert len(text.splitlines()) == 3
    for secret in ("wörd", "hsm-key-1", "AAF-"):
        assert secret not in text
    assert text.count("Traceback") == 2


@pytest.mark.usefixtures("put_back")
def test_chatty_libraries_speak_only_of_trouble(capsys: pytest.CaptureFixture[str]) -> None:
    configure(SETTINGS.secrets())
    for name in ("httpx", "httpcore.http11", "aiohttp.access", "apscheduler.scheduler", "telegram.Bot"):
        logging.getLogger(name).info("GET https://api.telegram.org/bot1:x/getUpdates")
        logging.getLogger(name).warning("trouble")
    assert [line["event"] for line in lines(capsys)] == ["trouble"] * 5


@pytest.mark.usefixtures("put_back")
def test_a_broken_record_is_not_printed_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    configure(SETTINGS.secrets())
    logging.getLogger("bot").warning("%d", PASSWORD)
    assert "wörd" not in capsys.readouterr().err


def test_on_a_terminal_lines_are_plain_and_as_clean(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], put_back: None
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure(SETTINGS.secrets())
    structlog.get_logger("bot.x").info("sent", phone="5561999990000", password=PASSWORD)
    text = capsys.readouterr().err
    assert "sent" in text
    assert not text.startswith("{")
    assert "99999" not in text
    assert "wörd" not in text


@pytest.mark.parametrize(
    "text",
    [
        "5561999990000",
        "+5561999990000",
        "+55 (61) 99999-0000",
        "55 61 9999-0000",
        "tel=556133330000,",
        "\x1b[35m5561999990000\x1b[0m",
        "(61) 99999-0000",
        "61 99999-0000",
        "61-99999-0000",
        "+51 987 999 321",
        "+1 (555) 999-9321",
        "6199990000",
        "1755619999000",
        "5199999321",
        "-5561999990000",
        "Authorization: Bearer eyJ.abc.def",
        "bearer eyJ.abc.def",
        "/bot123456:AAF-x_y/getMe",
        "/bot123456%3AAAF-x_y/getMe",
        TOKEN,
    ],
)
def test_what_is_hidden_without_being_configured(text: str) -> None:
    clean = Redactor()(f"before {text} after")
    assert clean.startswith("before ")
    assert clean.endswith(" after")
    assert HIDDEN in clean
    for part in ("99999", "9999", "999 321", "33330000", "eyJ", "AAF-"):
        assert part not in clean


@pytest.mark.parametrize(
    "text",
    [
        "chat -1001234567890",
        "10 to 2048 bytes",
        "123456789 of 12345678901234",
        "case 55",
        "2026-09-18T11:57:18.001648Z",
        "ONU ZTEGC1234567",
        "masked (61) 9****-0001",
        "a bot 5 of 7",
    ],
)
def test_what_stays(text: str) -> None:
    assert Redactor(["noc"])(text + " noc") == text + " noc"


PAGE = "<html>" + "Ana, " * 3000 + "fim"


@pytest.mark.usefixtures("put_back")
def test_no_library_prints_what_it_got(capsys: pytest.CaptureFixture[str]) -> None:
    configure(SETTINGS.secrets())
    for name in (
        "telegram.request.BaseRequest",
        "telegram.ext.ExtBot",
        "aiohttp.client",
        "httpx",
        "httpcore",
        "psycopg",
    ):
        logging.getLogger(name).error("Can not load %s", PAGE)
        logging.getLogger(name).error("Can not load %(page)s", {"page": "Ana"})
    logging.getLogger("apscheduler.executors").error("Run of %s", "poll")
    said = lines(capsys)
    words = ["Can not load %s", "Can not load %(page)s"] * 6
    assert [line["event"] for line in said] == [*words, "Run of poll"]
    assert "Ana" not in str(said)


@pytest.mark.usefixtures("put_back")
def test_a_line_is_cut_and_says_what_matters(capsys: pytest.CaptureFixture[str]) -> None:
    configure(SETTINGS.secrets())
    log = structlog.get_logger("bot.x")
    log.error("odd", page=PAGE, more="ç" * 5000, n=7)
    try:
        fail(PAGE)
    except ValueError:
        log.exception("failed")
    log.error("wide", **{f"field{n}": n for n in range(2000)})
    raw = capsys.readouterr().err.splitlines()
    assert [len(line.encode()) <= LONGEST for line in raw] == [True] * 3
    odd, failed = (json.loads(line) for line in raw[:2])
    assert (odd["event"], odd["n"], odd["page"][-3:]) == ("odd", 7, "fim")
    assert failed["exception"].startswith("Traceback")
    assert failed["exception"].endswith("fim")


def test_a_line_on_a_terminal_is_cut_too(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], put_back: None
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    configure(SETTINGS.secrets())
    structlog.get_logger("bot.x").info("ç" * 5000 + "fim")
    assert 2000 < len(capsys.readouterr().err.encode()) <= LONGEST + 1


@pytest.mark.usefixtures("put_back")
def test_no_half_of_a_secret_or_phone_is_left_where_a_line_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    configure(SETTINGS.secrets())
    for before in range(400, 800):
        logging.getLogger("bot.x").error("%shsm-key-1 +55 61 99999-0000%s", "y" * before, "x" * 2000)
    text = capsys.readouterr().err
    assert "hsm-k" not in text
    assert "61 99" not in text
    assert "9-00" not in text
