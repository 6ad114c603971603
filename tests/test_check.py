"""`python -m bot check` against the pretend services: a line for each system, each fault with its mend."""

import os
import re
import socket
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from bot.process.check import check
from bot.process.settings.reading import load, read
from bot.simulator.erps.hubsoft import HubSoftApi
from bot.simulator.erps.ixc import IxcApi
from bot.simulator.erps.sgp import SgpApi
from bot.simulator.server import Answer, DropBefore, Fault, HtmlPage
from bot.simulator.smartolt import SmartOltApi
from bot.simulator.world import World
from bot.storage.commands.upgrade import upgrade
from bot.storage.disk import Disk
from bot.tongue import speak

from .fakes import NOON
from .isp import Isp, bot_command, isp
from .storage.people import old
from .storage.people.test_upgrade import GROUPS

ALL = (
    *(
        "settings",
        "data folder",
        "health port",
        "OLT login",
        "OLT list",
        "gateway",
        "Telegram bot",
        "Telegram group",
    ),
    *("bot's rights", "approvers"),
)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Isp]:
    async with isp(tmp_path, customers=3) as made:
        yield made


async def findings(site: Isp, **changes: str) -> tuple[int, dict[str, str]]:
    """The exit code and the lines by what was tried; no line has a secret."""
    lines: list[str] = []
    code = await check(load(None, site.variables | changes), lines.append)
    site.assert_clean("\n".join(lines))
    assert "not-this-one" not in "\n".join(lines)
    assert lines[0].startswith(("MODO REAL · ", "SIMULAÇÃO (nada é enviado) · "))
    return code, {line[2:].partition(":")[0]: line for line in lines[1:] if line[0] != "…"}


def bad(found: Mapping[str, str]) -> dict[str, str]:
    return {what: line for what, line in found.items() if line.startswith("✗")}


async def test_a_ledger_that_a_start_would_not_go_on_with_is_named_with_its_mend(site: Isp) -> None:
    data = site.folder / "data"
    old.write(data, GROUPS)
    code, found = await findings(site)
    assert (code, list(bad(found))) == (1, ["ledger"])
    assert "run python -m bot ledger upgrade" in found["ledger"]
    upgrade(data, NOON, Disk())
    assert bad((await findings(site))[1]) == {}
    key = (data / "people.key").rename(data / "elsewhere")
    assert "people.key is missing" in bad((await findings(site))[1])["ledger"]
    assert not (data / "people.key").exists(), "a check makes none"
    key.rename(data / "people.key")


async def test_all_is_well_and_nothing_was_sent(site: Isp) -> None:
    code, found = await findings(site)
    assert (code, bad(found)) == (0, {})
    assert tuple(found) == ALL
    assert all(line.startswith("✓ ") for line in found.values())
    assert found["OLT list"] == "✓ OLT list: 1 open incidents"
    assert found["Telegram bot"] == "✓ Telegram bot: @noc_bot"
    assert found["approvers"] == "✓ approvers: Ana"
    assert site.hsm.received == []
    assert site.chat.messages() == []
    assert site.chat.calls["getUpdates"] == 0, "a check beside a running bot must not take its updates"


async def test_a_refused_olt_login(site: Isp) -> None:
    code, found = await findings(site, API_PASS="not-this-one")
    assert code == 1
    assert list(bad(found)) == ["OLT login"]
    assert "check API_USER, API_PASS" in found["OLT login"]
    assert site.olt.failed_logins == 1, "a second try may lock the account"


async def test_an_olt_api_that_is_down_keeps_the_others_from_nothing(site: Isp) -> None:
    await site.olt.stop()
    code, found = await findings(site)
    assert code == 1
    assert list(bad(found)) == ["OLT API"]
    assert "check API_BASE_URL" in found["OLT API"]
    assert "Telegram group" in found


async def test_a_source_that_knows_no_customers_needs_a_directory(site: Isp) -> None:
    async with SmartOltApi(site.world) as smartolt, IxcApi(site.world) as erp:
        given = {"SMARTOLT_URL": smartolt.url, "SMARTOLT_KEY": smartolt.key, "SOURCE": "oltcloud,smartolt"}
        code, found = await findings(site, **given)
        warned = "! customers: smartolt knows none: nobody gets a message about its outages; set DIRECTORY"
        assert (code, found["customers"].startswith(warned)) == (0, True)
        ixc = {"DIRECTORY": "ixc", "IXC_URL": erp.url, "IXC_TOKEN": erp.token}
        assert (await findings(site, **given, **ixc))[1]["customers"].startswith("✓ ")
        assert "customers" not in (await findings(site))[1]


async def test_a_page_that_is_not_the_olt_api(site: Isp) -> None:
    site.olt.faults.always(HtmlPage(200), match=lambda path: "alert" in path)
    code, found = await findings(site)
    assert code == 1
    assert [line for line in bad(found).values() if "API_BASE_URL" in line]


async def test_a_refused_hsm_key(site: Isp) -> None:
    code, found = await findings(site, TOKEN_HSM="not-this-one")
    assert code == 1
    assert list(bad(found)) == ["gateway"]
    assert "check TOKEN_HSM" in found["gateway"]


@pytest.mark.parametrize("path", ["", "/rest/v2/sendHsm", "/v3/hsm/send/", "/rest/v1/sendHsm"])
async def test_a_gateway_url_without_a_list_beside_it_may_be_right_and_is_said_to_be_untested(
    site: Isp, path: str
) -> None:
    url = site.hsm.url + path
    if path == "/rest/v1/sendHsm":
        site.hsm.faults.always(HtmlPage(404))
    code, found = await findings(site, URL_HSM=url)
    assert (code, bad(found)) == (0, {})
    assert found["gateway"].startswith("! gateway: it answers, but there is no list of sent messages")
    assert "usually it ends in /rest/v1/sendHsm" in found["gateway"]
    assert site.hsm.received == []


async def test_urls_as_providers_write_them_are_green(site: Isp) -> None:
    urls = {"URL_HSM": f"{site.hsm.hsm_url}/", "API_BASE_URL": f"{site.olt.url}/api/"}
    code, found = await findings(site, **urls)
    assert (code, bad(found)) == (0, {})
    assert found["gateway"].startswith("✓ ")


async def test_each_system_is_tried_as_soon_as_its_own_settings_are_there(site: Isp) -> None:
    lines: list[str] = []
    code = await check(read(None, site.variables | {"TOKEN_HSM": "", "HSM_ID_LOS": "x"}), lines.append)
    assert (code, site.hsm.requests) == (2, [])
    assert lines[0] == "The bot would not start: 2 settings need mending"
    assert next(line for line in lines if "TOKEN_HSM is not set" in line).startswith("✗ settings: ")
    assert "! gateway: not tried, mend HSM_ID_LOS, TOKEN_HSM first" in lines
    assert {"✓ OLT login: accepted", "✓ Telegram bot: @noc_bot", "✓ approvers: Ana"} <= set(lines)
    lines.clear()
    code = await check(read(None, site.variables | {"TELEGRAM_TOKEN": ""}), lines.append)
    assert "! Telegram bot: not tried, mend TELEGRAM_TOKEN first" in lines
    assert "✓ gateway: matrix, reachable, key accepted; no message was sent" in lines


async def test_what_is_waited_for_is_named_before(site: Isp) -> None:
    lines: list[str] = []
    await check(load(None, site.variables), lines.append)
    for what, first in (("OLT API", "OLT login"), ("gateway", "gateway"), ("Telegram bot", "Telegram bot")):
        trying = lines.index(f"… {what}: trying 127.0.0.1")
        assert lines[trying + 1].startswith(f"✓ {first}: ")


CODE = re.compile(r"\b[a-z]+_[a-z0-9_]+\b")


@pytest.mark.parametrize("fault", [Answer(400), Answer(403), Answer(502), HtmlPage(200), DropBefore()])
async def test_no_line_holds_an_internal_code(site: Isp, fault: Fault) -> None:
    for system in (site.olt, site.hsm, site.chat):
        system.faults.always(fault)
    _, found = await findings(site)
    assert len(bad(found)) == 3
    for line in bad(found).values():
        assert CODE.findall(line) == []
        assert "; check " in line or "; mend " in line


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
@pytest.mark.process
async def test_a_terminal_that_lacks_a_sign_gets_another(site: Isp, encoding: str) -> None:
    site.ana.name = "Ana ✓ Conceição"
    variables = site.variables | {"PYTHONIOENCODING": encoding}
    code, out, err = await bot_command("check", cwd=site.folder, **variables)
    assert (code, err) == (0, "")
    assert "ok gateway: matrix" in out
    await site.hsm.stop()
    code, out, err = await bot_command("check", cwd=site.folder, **variables)
    assert (code, err) == (1, "")
    assert "BAD gateway: " in out


async def test_an_api_url_that_is_not_there_is_named(site: Isp) -> None:
    code, found = await findings(site, API_BASE_URL=site.olt.url + "/wrong")
    assert code == 1
    assert "API_BASE_URL" in found["OLT login"]


async def test_a_topic_is_not_tested_and_says_so(site: Isp) -> None:
    code, found = await findings(site, TELEGRAM_TOPIC_ID="77")
    assert code == 0
    assert found["topic"].startswith("✓ topic: 77, not tested")


async def test_a_port_that_something_else_has(site: Isp) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        code, found = await findings(site, OPS_PORT=str(port))
    assert code == 1
    assert list(bad(found)) == ["health port"]
    assert "choose another OPS_PORT" in found["health port"]
    code, found = await findings(site, OPS_PORT="0")
    assert (code, "health port" in found) == (0, False)


@pytest.mark.process
async def test_beside_a_running_bot(site: Isp) -> None:
    async with site.bot():
        await site.card()
        code, found = await findings(site)
    assert (code, bad(found)) == (0, {})
    assert "a running bot uses it" in found["data folder"]
    assert "the running bot uses it" in found["health port"]


async def test_a_gateway_that_is_down(site: Isp) -> None:
    await site.hsm.stop()
    code, found = await findings(site)
    assert code == 1
    assert list(bad(found)) == ["gateway"]
    assert "URL_HSM" in found["gateway"]


async def test_a_dry_run_needs_no_gateway(site: Isp) -> None:
    await site.hsm.stop()
    code, _ = await findings(site, GATEWAY="dry_run")
    assert code == 0


async def test_a_wrong_bot_token(site: Isp) -> None:
    code, found = await findings(site, TELEGRAM_TOKEN="654321:not-this-one")
    assert code == 1
    assert list(bad(found)) == ["Telegram bot"]
    assert "check TELEGRAM_TOKEN" in found["Telegram bot"]


async def test_telegram_down(site: Isp) -> None:
    await site.chat.stop()
    code, found = await findings(site)
    assert code == 1
    assert list(bad(found)) == ["Telegram bot"]
    assert "check TELEGRAM_API_URL" in found["Telegram bot"]


async def test_a_group_that_the_bot_is_not_in(site: Isp) -> None:
    code, found = await findings(site, TELEGRAM_CHAT_ID="-100777")
    assert code == 1
    assert list(bad(found)) == ["Telegram group"]
    assert "add the bot to the group" in found["Telegram group"]


async def test_a_group_that_became_a_supergroup(site: Isp) -> None:
    old = site.variables["TELEGRAM_CHAT_ID"]
    site.chat.migrate(-100888)
    code, found = await findings(site, TELEGRAM_CHAT_ID=old)
    assert code == 1
    assert list(bad(found)) == ["Telegram group"]
    assert "TELEGRAM_CHAT_ID=-100888" in found["Telegram group"]


async def test_approvers_by_name_and_one_who_is_not_in_the_group(site: Isp) -> None:
    site.chat.add_user(502, "Bruno")
    lines: list[str] = []
    code = await check(load(None, site.variables | {"TELEGRAM_APPROVERS": "999,502,501"}), lines.append)
    assert code == 1
    approvers = [line for line in lines if line[2:].startswith("approver")]
    assert approvers[:2] == ["✓ approver: Ana", "✓ approver: Bruno"]
    assert approvers[2].startswith("✗ approver: 999")
    assert "TELEGRAM_APPROVERS" in approvers[2]
    assert len(approvers) == 3


async def test_who_is_on_call_and_one_who_is_not_in_the_group(site: Isp) -> None:
    site.chat.add_user(502, "Bruno")
    lines: list[str] = []
    code = await check(load(None, site.variables | {"TELEGRAM_ON_CALL": "999,502"}), lines.append)
    assert code == 1
    on_call = [line for line in lines if line[2:].startswith("on call")]
    assert on_call[0] == "✓ on call: Bruno"
    assert on_call[1].startswith("✗ on call: 999")
    assert "TELEGRAM_ON_CALL" in on_call[1]
    assert len(on_call) == 2


async def test_the_chat_of_the_escalation(site: Isp) -> None:
    code, found = await findings(site, TELEGRAM_ESCALATION_CHAT_ID="501")
    assert (code, list(bad(found))) == (1, ["escalation"])
    assert "let that person write /start" in found["escalation"]
    site.ana.opened_private = True
    code, found = await findings(site, TELEGRAM_ESCALATION_CHAT_ID="501")
    assert (code, found["escalation"]) == (0, "✓ escalation: Ana")
    code, found = await findings(site, TELEGRAM_ESCALATION_CHAT_ID="-100777")
    assert (code, list(bad(found))) == (1, ["escalation"])
    assert "TELEGRAM_ESCALATION_CHAT_ID" in found["escalation"]
    assert site.chat.messages() == []


async def test_a_group_without_administrators(site: Isp) -> None:
    site.ana.admin = False
    code, found = await findings(site)
    assert code == 1
    assert list(bad(found)) == ["approvers"]
    assert "TELEGRAM_APPROVERS" in found["approvers"]


async def test_everyone_in_the_group_may_decide(site: Isp) -> None:
    code, found = await findings(site, TELEGRAM_APPROVERS="*")
    assert (code, found["approvers"]) == (0, "✓ approvers: everyone in the group")


async def test_a_data_folder_that_is_a_file(site: Isp, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    code, found = await findings(site, DATA_DIR=str(tmp_path / "taken" / "data"))
    assert code == 1
    assert list(bad(found)) == ["data folder"]
    assert "DATA_DIR must be a folder" in found["data folder"]


async def test_a_data_folder_that_others_may_write(site: Isp, tmp_path: Path) -> None:
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o777)
    lines: list[str] = []
    assert await check(load(None, site.variables | {"DATA_DIR": str(folder)}), lines.append) == 1
    (said,) = [line for line in lines if line.startswith("✗")]
    mend = f"by others than user {os.getuid()} (drwxrwxrwx): chmod go-w {folder}"
    assert said == f"✗ data folder: {folder} may be written {mend}"


async def test_a_link_where_the_folder_is_tried_is_not_followed(site: Isp, tmp_path: Path) -> None:
    folder, mine = tmp_path / "planted", tmp_path / "mine"
    folder.mkdir(mode=0o700)
    mine.write_text("mine")
    (folder / ".check").symlink_to(mine)
    code, _ = await findings(site, DATA_DIR=str(folder))
    assert (code, mine.read_text()) == (0, "mine")


async def test_plain_http_to_another_machine_is_warned_about(site: Isp) -> None:
    lines: list[str] = []
    host = "http://olt.invalid"
    await check(load(None, site.variables | {"API_BASE_URL": host, "API_AUTH_URL": ""}), lines.append)
    warned = [line for line in lines if line.startswith("!")]
    assert [line.split()[1] for line in warned] == ["API_BASE_URL", "API_AUTH_URL"]
    assert all("http:// to another machine" in line and "use https://" in line for line in warned)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
async def test_a_data_folder_that_may_not_be_written(site: Isp, tmp_path: Path) -> None:
    folder = tmp_path / "closed"
    folder.mkdir(mode=0o500)
    code, found = await findings(site, DATA_DIR=str(folder))
    assert code == 1
    assert list(bad(found)) == ["data folder"]


@pytest.mark.process
async def test_the_command_prints_and_exits_as_found(site: Isp) -> None:
    code, out, err = await bot_command("check", cwd=site.folder, **site.variables)
    assert code == 0, err
    assert [line[0] for line in out.splitlines()[1:] if line[0] != "…"] == ["✓"] * len(ALL)
    await site.olt.stop()
    code, out, err = await bot_command("check", cwd=site.folder, **site.variables)
    assert code == 1
    assert "✗ OLT API" in out
    site.assert_clean(out + err)


@pytest.mark.parametrize(
    ("name", "said", "secret"),
    [
        ("ixc", "it answers", "IXC_TOKEN"),
        ("sgp", "it answers", "SGP_TOKEN"),
        ("hubsoft", "it answers; 0 ONUs in its table", "HUBSOFT_CLIENT_ID"),
    ],
)
async def test_an_erp_is_asked_and_what_is_wrong_is_said_with_the_mend(
    site: Isp, name: str, said: str, secret: str
) -> None:
    world = World()
    async with IxcApi(world) as ixc, SgpApi(world) as sgp, HubSoftApi(world) as hubsoft:
        erps = {
            "IXC_URL": f"{ixc.url}/webservice/v1/",
            "IXC_TOKEN": ixc.token,
            "SGP_URL": sgp.url,
            "SGP_TOKEN": sgp.token,
            "SGP_APP": sgp.app,
            "HUBSOFT_URL": f"{hubsoft.url}/api/v1/",
            "HUBSOFT_CLIENT_ID": hubsoft.client_id,
            "HUBSOFT_CLIENT_SECRET": hubsoft.client_secret,
            "HUBSOFT_USER": hubsoft.user,
            "HUBSOFT_PASS": hubsoft.password,
        }
        api = {"ixc": ixc, "sgp": sgp, "hubsoft": hubsoft}[name]
        code, found = await findings(site, DIRECTORY=name, **erps)
        assert (code, found["customers"]) == (0, f"✓ customers: {name}, {said}")
        code, found = await findings(site, DIRECTORY=name, **{**erps, secret: "7:another"})
        assert code == 1
        assert f"check {secret}" in found["customers"]
        api.faults.always(HtmlPage(200))
        code, found = await findings(site, DIRECTORY=name, **erps)
        assert (code, f"check {name.upper()}_URL" in found["customers"]) == (1, True)
        await api.stop()
        code, found = await findings(site, DIRECTORY=name, **erps)
        assert found["customers"].endswith(f"check {name.upper()}_URL and the way there")


def test_what_an_erp_needs_is_asked_for() -> None:
    assert {"ixc_url", "ixc_token"} <= read(None, {"DIRECTORY": "ixc"}).wrong
    assert "ixc_token" in read(None, {"DIRECTORY": "ixc", "IXC_TOKEN": "only-the-token"}).wrong
    assert "directory" in read(None, {"DIRECTORY": "mk"}).wrong
    assert not {"ixc_url", "sgp_url"} & read(None, {}).wrong


async def test_it_speaks_portuguese(site: Isp) -> None:
    speak("pt_BR")
    await site.hsm.stop()
    site.olt.faults.always(Answer(503))
    lines: list[str] = []
    assert await check(load(None, site.variables), lines.append) == 1
    assert lines[1] == "✓ configurações: completas"
    assert any(line.startswith("✗ API da OLT: ") and "em manutenção (HTTP 503)" in line for line in lines)
    away = "✗ WhatsApp: ninguém escuta lá, ou há um firewall no caminho; confira URL_HSM e o caminho até lá"
    assert away in lines
    assert lines[-3:] == ["✓ grupo no Telegram: NOC", "✓ permissões do bot: membro", "✓ aprovadores: Ana"]


async def test_each_region_has_its_group_tried_and_is_mended_by_its_own_name(site: Isp) -> None:
    site.chat.chats[-1002] = "NOC Norte"
    lines: list[str] = []
    regions = {
        "REGIONS": "NORTE,SUL",
        "REGION_NORTE_TELEGRAM_CHAT_ID": "-1002",
        "REGION_NORTE_OLTS": "N*",
        "REGION_SUL_TELEGRAM_CHAT_ID": "-1003",
        "REGION_SUL_OLTS": "S*",
    }
    code = await check(load(None, site.variables | regions), lines.append)
    groups = [line for line in lines if "NORTE:" in line or "SUL:" in line]
    assert code == 1
    assert groups[0] == "✓ Telegram group: NORTE: NOC Norte"
    assert groups[-1].startswith("✗ Telegram group: SUL: ")
    assert "REGION_SUL_TELEGRAM_CHAT_ID" in groups[-1]
