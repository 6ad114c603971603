"""`python -m bot setup` against the pretend services: good answers, bad ones, taken up again."""

import asyncio
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from string import Formatter

import pytest

from bot.errors import StartupError
from bot.process.clock import SystemClock
from bot.process.settings.reading import load
from bot.process.setup.setup import STOPPED, setup
from bot.process.setup.terminal import Stopped
from bot.process.setup.wizard import phrases
from bot.simulator.cloud import ACCOUNT, NUMBER, CloudApi
from bot.simulator.server import Answer

from .isp import Isp, isp

Typed = str | Callable[[], str]


class Scripted:
    """A person who types these answers in turn, then has enough; what was asked and said is kept."""

    def __init__(self, *typed: Typed) -> None:
        self.typed, self.lines, self.hidden = list(typed), list[str](), list[str]()

    @property
    def seen(self) -> str:
        return "\n".join(self.lines)

    def say(self, line: str = "") -> None:
        self.lines.append(line)

    def ask(self, question: str, *, hidden: bool = False) -> str:
        self.lines.append(question)
        if hidden:
            self.hidden.append(question.split(maxsplit=1)[0].rstrip(":"))
        if not self.typed:
            raise Stopped
        answer = self.typed.pop(0)
        return answer if isinstance(answer, str) else answer()


class Sitting:
    """A fresh machine beside the pretend ISP."""

    def __init__(self, site: Isp) -> None:
        self.site, self.file, self.environ = site, site.folder / ".env", dict[str, str]()
        self.environ["DATA_DIR"] = str(site.folder / "data")
        self.environ["OPS_PORT"] = site.variables["OPS_PORT"]
        self.file.write_text(f"TELEGRAM_API_URL={site.chat.url}\n")

    async def with_(self, *typed: Typed) -> tuple[int, Scripted]:
        """The exit code, and the person after it; no secret was seen."""
        person = Scripted(*typed)
        code = await asyncio.to_thread(
            setup, person, SystemClock(), self.file, self.environ, lambda _secrets: None
        )
        self.site.assert_clean(person.seen)
        return code, person

    @property
    def text(self) -> str:
        return self.file.read_text()

    def help_in_group(self) -> str:
        """Ana writes in the group while the wizard waits."""
        asyncio.run_coroutine_threadsafe(self.site.chat.say(self.site.ana, "/help"), self.loop).result()
        return ""

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        return self._loop

    @loop.setter
    def loop(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop

    @property
    def telegram(self) -> Sequence[Typed]:
        """Language, token, the group by its /help, yes it is that one, its administrators."""
        return ("", self.site.chat.token, self.help_in_group, "", "")

    @property
    def olt(self) -> Sequence[Typed]:
        """OLT Cloud, its login, its own records."""
        return ("", self.site.olt.url, self.site.olt.user, self.site.olt.password, "")

    @property
    def matrix(self) -> Sequence[Typed]:
        """A rehearsal, Matrix, its key and account, the templates."""
        return ("", "", self.site.hsm.hsm_url, self.site.hsm.token, "1", "114", "116", "", "")


@pytest.fixture
async def sitting(tmp_path: Path) -> AsyncIterator[Sitting]:
    async with isp(tmp_path, customers=3) as site:
        made = Sitting(site)
        made.loop = asyncio.get_running_loop()
        yield made


async def test_a_fresh_machine_is_set_up_with_nothing_else(sitting: Sitting) -> None:
    code, person = await sitting.with_(*sitting.telegram, *sitting.olt, *sitting.matrix)
    assert code == 0, person.seen
    assert "✓ bot no Telegram: @noc_bot" in person.lines
    assert person.seen.count("Ana") >= 2, "who wrote, and who may approve"
    assert person.lines[-1].startswith("Pronto.")
    assert "SIMULAÇÃO" in person.seen
    assert stat.S_IMODE(sitting.file.stat().st_mode) == 0o600
    found = load(sitting.file, sitting.environ)
    assert found.dry_run
    assert (found.telegram_chat_id, found.telegram_approvers) == (sitting.site.chat.group, frozenset())
    assert found.templates() == {"LOS": 114, "POWER": 116}
    assert person.hidden == ["TELEGRAM_TOKEN", "API_USER", "API_PASS", "TOKEN_HSM"]
    assert sitting.site.hsm.received == []
    assert sitting.site.chat.messages()[1:] == [], "it posts nothing"


async def test_stopped_it_goes_on_where_it_was_and_asks_for_nothing_twice(sitting: Sitting) -> None:
    stages = [sitting.telegram[:2], sitting.telegram[2:], sitting.olt[:3], sitting.olt[3:], sitting.matrix]
    enters = [[], ["", ""], ["", "", "", ""], ["", "", "", "", "", "", ""], [""] * 9]
    for known, new in zip(enters, stages, strict=True):
        before = sitting.text
        code, person = await sitting.with_(*known)
        assert (code, person.lines[-1][:6]) == (STOPPED, "Parado")
        if known:
            assert sitting.text == before, "Enter changes nothing"
        code, person = await sitting.with_(*known, *new)
    assert code == 0, person.seen
    assert "TELEGRAM_TOKEN [mantém a que já está lá]: " in person.lines
    assert f"API_BASE_URL [{sitting.site.olt.url}]: " in person.lines


async def test_a_refused_token_is_asked_for_again(sitting: Sitting) -> None:
    token = sitting.site.chat.token
    code, person = await sitting.with_("", "not a token", "1:wrong", "", token, "", "")
    assert code == STOPPED
    assert (
        "✗ TELEGRAM_TOKEN não é um token de bot: o token que o @BotFather deu, dígitos:letras" in person.lines
    )
    assert "✗ bot no Telegram: o token foi recusado; confira TELEGRAM_TOKEN" in person.lines
    assert person.lines.index("✓ bot no Telegram: @noc_bot") > person.lines.index("Não deu certo. E agora?")
    assert "1:wrong" not in person.seen


async def test_a_telegram_that_is_not_reached_may_have_another_address_or_a_proxy(sitting: Sitting) -> None:
    sitting.file.write_text("TELEGRAM_API_URL=http://127.0.0.1:1\n")
    token, url = sitting.site.chat.token, sitting.site.chat.url
    code, person = await sitting.with_("", token, "2", "", "", url, "", sitting.help_in_group)
    assert code == STOPPED
    away = "✗ bot no Telegram: o Telegram não foi alcançado"
    assert sum(line.startswith(away) for line in person.lines) == 2, "as it was, then tried again"
    assert "✓ bot no Telegram: @noc_bot" in person.lines
    assert f"TELEGRAM_API_URL={url}" in sitting.text


async def test_another_group_is_listened_for_until_it_is_the_right_one(sitting: Sitting) -> None:
    site = sitting.site

    def elsewhere() -> str:
        for chat, text in ((-77, "/help"), (site.ana.id, "/start")):
            asyncio.run_coroutine_threadsafe(site.chat.say(site.ana, text, chat=chat), sitting.loop).result()
        return ""

    def no() -> str:
        sitting.help_in_group()
        return "n"

    code, person = await sitting.with_("", site.chat.token, elsewhere, no, "sim")
    assert code == STOPPED
    assert "/help de Ana no grupo «Other» (-77). É esse? [s/n]: " in person.lines
    assert load_group(sitting) == str(site.chat.group)


def load_group(sitting: Sitting) -> str | None:
    return dict(line.split("=", 1) for line in sitting.text.splitlines() if "=" in line).get(
        "TELEGRAM_CHAT_ID"
    )


async def test_a_group_may_be_typed_and_a_wrong_one_is_said(sitting: Sitting) -> None:
    group = str(sitting.site.chat.group)
    code, person = await sitting.with_("", sitting.site.chat.token, "77", "-77", "", group, "2")
    assert code == STOPPED
    assert any(line.startswith("✗ TELEGRAM_CHAT_ID não é o id de um grupo") for line in person.lines)
    assert any(line.startswith("✗ grupo no Telegram: o Telegram diz: ") for line in person.lines)
    assert "TELEGRAM_APPROVERS=*" in sitting.text
    code, person = await sitting.with_("", "", "", "3", "501")
    assert "✓ grupo no Telegram: NOC" in person.lines
    assert "TELEGRAM_APPROVERS=501" in sitting.text


async def test_nobody_can_be_heard_beside_a_running_bot(sitting: Sitting) -> None:
    sitting.site.chat.faults.always(
        Answer(409, '{"ok":false,"error_code":409,"description":"Conflict: terminated by other"}'),
        match=lambda path: "getUpdates" in path,
    )
    code, person = await sitting.with_("", sitting.site.chat.token, "", str(sitting.site.chat.group), "")
    assert code == STOPPED
    assert any("Conflict" in line for line in person.lines)
    assert any(line.startswith("Outro programa lê") for line in person.lines)
    assert "✓ grupo no Telegram: NOC" in person.lines


async def test_an_olt_that_refuses_or_is_away_is_asked_about_again(sitting: Sitting) -> None:
    site = sitting.site
    before = ["", site.chat.token, str(site.chat.group), "", ""]
    wrong = ["isp", site.olt.url, site.olt.user, "not-this-one"]
    code, person = await sitting.with_(*before, *wrong, "", "", "", site.olt.password)
    assert code == STOPPED
    assert any(line.startswith("✗ API_BASE_URL não é uma URL") for line in person.lines)
    assert any(line.startswith("✗ login da OLT: ") for line in person.lines)
    assert "✓ login da OLT: aceito" in person.lines
    await site.olt.stop()
    code, person = await sitting.with_("", "", "", "", "", "", "", "", "2", "3")
    assert sum(line.startswith("✗ API da OLT: ") for line in person.lines) == 2, "kept, tried, tried again"
    assert person.lines[-2].startswith("[1]"), "and the next question came all the same"


async def test_a_gateway_that_refuses_the_key_is_asked_about_again(sitting: Sitting) -> None:
    before = [*sitting.telegram, *sitting.olt]
    hsm = sitting.site.hsm
    code, person = await sitting.with_(
        *before, "", "", hsm.hsm_url, "not-this-one", "1", "", "", hsm.token, "", "114", "116", "", ""
    )
    assert code == 0, person.seen
    assert any(line.startswith("✗ WhatsApp: ") for line in person.lines)
    assert "not-this-one" not in person.seen


async def test_who_has_no_gateway_yet_rehearses(sitting: Sitting) -> None:
    code, person = await sitting.with_(*sitting.telegram, *sitting.olt, "", "4")
    assert code == 0, person.seen
    assert load(sitting.file, sitting.environ).gateway == "dry_run"


async def test_what_the_environment_says_is_tried_and_not_asked_for(sitting: Sitting) -> None:
    secret = sitting.file.with_name("secret")
    secret.write_text(sitting.site.olt.password)
    sitting.environ["TELEGRAM_TOKEN"] = sitting.site.chat.token
    sitting.environ["API_PASS_FILE"] = str(secret)
    typed = [*sitting.telegram, *sitting.olt, "", "4"]
    left = [one for one in typed if one not in {sitting.site.chat.token, sitting.site.olt.password}]
    code, person = await sitting.with_(*left)
    assert code == 0, person.seen
    assert "TELEGRAM_TOKEN já vem de TELEGRAM_TOKEN: fica como está (para mudar, mude lá)." in person.lines
    assert "TELEGRAM_TOKEN" not in sitting.text


async def test_it_speaks_english(sitting: Sitting) -> None:
    code, person = await sitting.with_("2", *sitting.telegram[1:], *sitting.olt, "y", "4")
    assert code == 0, person.seen
    assert person.lines[-1].startswith("Done.")
    assert load(sitting.file, sitting.environ).bot_language == "en"


async def test_what_is_wrong_at_the_end_is_said_and_kept(sitting: Sitting) -> None:
    await sitting.site.olt.stop()
    olt = [*sitting.olt[:-1], "3", ""]
    code, person = await sitting.with_(*sitting.telegram, *olt, "", "4")
    assert code == 1
    assert person.lines[-1].startswith("Ainda falta algo")


async def test_several_sources_and_what_pushes_by_itself(sitting: Sitting) -> None:
    site = sitting.site
    signed = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    pushing = ("0", "1,nothing", "3,1", "Zbx", "zbx, am", "zabbix", "", "frob", "alertmanager", "whsec_short")
    olt = (site.olt.url, site.olt.user, site.olt.password)
    typed = (*sitting.telegram, *pushing, signed, *olt, "", "", "4")
    code, person = await sitting.with_(*typed)
    assert code == 0, person.seen
    found = load(sitting.file, sitting.environ)
    assert found.source == ("hook:zbx", "hook:am", "oltcloud")
    theirs = dict(line.partition("=")[::2] for line in sitting.text.splitlines())
    assert (theirs["HOOK_ZBX_FORMAT"], theirs["HOOK_AM_FORMAT"]) == ("zabbix", "alertmanager")
    assert len(theirs["HOOK_ZBX_SECRET"]) == 43, "256 bits of chance"
    assert theirs["HOOK_AM_SECRET"] == signed
    assert signed not in person.seen
    assert theirs["HOOK_ZBX_SECRET"] not in person.seen
    assert {"HOOK_ZBX_SECRET", "HOOK_AM_SECRET"} < set(person.hidden)
    some = "Escolha um ou mais números de 1 a 3, com vírgula."
    assert person.lines.count(some) == 2
    assert "Dê pelo menos um nome, com letras minúsculas, dígitos e _." in person.lines
    assert "HOOK_ZBX_FORMAT [own]: " in person.lines
    assert sum(line.startswith(("✗ HOOK_AM_FORMAT ", "✗ HOOK_AM_SECRET ")) for line in person.lines) == 2
    port = sitting.environ["OPS_PORT"]
    assert any(line.startswith(f"hook:am envia para http://HOST:{port}/hooks/am ") for line in person.lines)
    before = sitting.text
    code, person = await sitting.with_(*[""] * 16, "4")
    assert (code, sitting.text) == (0, before), "Enter changes nothing"
    assert "[3,1]: " in person.lines
    assert "[zbx,am]: " in person.lines


async def test_sources_that_the_environment_names_are_asked_about(sitting: Sitting) -> None:
    sitting.environ["SOURCE"] = "hook:zbx"
    code, person = await sitting.with_(*sitting.telegram, "", "", "", "", "4")
    assert code == 0, person.seen
    assert "SOURCE já vem de SOURCE: fica como está (para mudar, mude lá)." in person.lines
    assert "SOURCE=" not in sitting.text
    assert "HOOK_ZBX_SECRET: um segredo foi criado e está no .env" in person.seen


def test_both_languages_say_the_same_with_the_same_facts() -> None:
    ours, theirs = phrases("pt_BR"), phrases("en")
    assert ours.keys() == theirs.keys()
    facts = {key: (sorted(_facts(ours[key])), sorted(_facts(theirs[key]))) for key in ours}
    assert {key: both for key, both in facts.items() if both[0] != both[1]} == {}


def _facts(phrase: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(phrase) if name}


async def test_templates_are_chosen_from_the_accounts_list(sitting: Sitting) -> None:
    async with CloudApi() as api:
        api.templates = {"queda_v1": 0, "energia_v1": 0, "voltou_v1": 0}
        cloud = (api.url, "", NUMBER, ACCOUNT, api.token)
        code, person = await sitting.with_(
            *sitting.telegram, *sitting.olt, "", "2", *cloud, "9", "1", "2", "", ""
        )
    assert code == 0, person.seen
    assert "  2  energia_v1, UTILITY: Aviso: ." in person.lines
    found = load(sitting.file, sitting.environ)
    assert found.gateway == "cloud"
    assert found.templates() == {"LOS": "queda_v1", "POWER": "energia_v1"}


async def test_a_folder_that_cannot_be_written_is_said_before_anything_is_asked_in_vain(
    sitting: Sitting,
) -> None:
    sitting.file = sitting.file.parent / "is not there" / ".env"
    with pytest.raises(StartupError, match="docker compose run --rm -u 0 setup"):
        await sitting.with_("")
