"""The story of `setup`: language, Telegram, who tells of outages, who sends; then `check`."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeVar

from bot.chat.screens.words import LANGUAGES, clean, words_in
from bot.directories import DIRECTORIES
from bot.errors import StartupError
from bot.gateways import DRY_RUN, GATEWAYS
from bot.ports import Clock
from bot.process.checks.lines import Finding
from bot.process.settings.composed import Settings
from bot.process.settings.part import Declared
from bot.process.setup import tries
from bot.process.setup.answers import Answers
from bot.process.setup.questions import Questions
from bot.process.setup.sources import Sources
from bot.process.setup.terminal import Person, Stopped
from bot.sources import SOURCES
from bot.tongue import speak

T = TypeVar("T")
_EVERYBODY = "*"
_LIST = "list"


def phrases(language: str) -> Mapping[str, str]:
    """What the wizard says in a language."""
    return words_in("bot.process.setup", language if language in LANGUAGES else LANGUAGES[0])


class Wizard:
    """One sitting. Every good answer is in `.env` before the next question."""

    def __init__(
        self, answers: Answers, person: Person, clock: Clock, hide: Callable[[Sequence[str]], None]
    ) -> None:
        """`hide` has the log hold none of these secrets."""
        self._answers, self._person, self._clock, self._hide = answers, person, clock, hide
        self._ask = Questions(answers, person, phrases(answers.now("bot_language")))

    def run(self) -> None:
        """All questions in turn. Stopped where the person stops; StartupError where it cannot be written."""
        self._language()
        self._account()
        self._group()
        self._approvers()
        self._source()
        self._directory()
        self._gateway()
        if self._answers.file.in_place:
            self._ask.tell("setup.in_place", file=self._answers.file.path)
        if not self._answers.file.protect():
            self._ask.tell("setup.unprotected", file=self._answers.file.path)

    @property
    def words(self) -> Mapping[str, str]:
        """The phrases of the language that was chosen."""
        return self._ask.words

    def _language(self) -> None:
        names = {code: phrases(code)["setup.language"] for code in LANGUAGES}
        chosen = self._ask.chosen("bot_language", "setup.languages", names, LANGUAGES[0])
        self._ask.words = phrases(chosen)
        speak(chosen)
        if not self._answers.now("dry_run"):
            self._answers.put("dry_run", "true")  # whatever becomes of this sitting, nothing is sent
        self._ask.tell("setup.begin", file=self._answers.file.path)

    def _account(self) -> None:
        self._ask.title("setup.account")

        def tried() -> bool:
            found = self._run(tries.bots_account(self._settings()))
            self._found(found)
            return found.good is not False

        self._until_good(["telegram_token"], tried, others=["telegram_api_url", "telegram_proxy"])

    def _group(self) -> None:
        self._ask.title("setup.group")
        field, after = "telegram_chat_id", None
        if self._answers.elsewhere(field) is not None:
            self._ask.setting(field)
            self._group_is_good()
            return
        if self._answers.now(field) and self._group_is_good() and self._ask.is_right("setup.keep_group"):
            return
        while True:
            self._ask.tell("setup.find_group")
            text = self._person.ask("TELEGRAM_CHAT_ID: ")
            if not text:
                text, after = self._heard(after)
            problems = self._answers.wrong(field, text) if text else []
            for problem in problems:
                self._person.say(f"✗ {problem}")
            if not text or problems:
                continue
            self._answers.put(field, text)
            if self._group_is_good() or self._failed() == "on":
                return

    def _heard(self, after: int | None) -> tuple[str, int | None]:
        """The group where somebody wrote and that is meant, empty where there is none; where to go on."""
        self._ask.tell("setup.listening", minutes=round(tries.PATIENCE / 60))
        while True:
            heard = self._run(tries.hear(self._settings(), self._clock, after))
            if not isinstance(heard, tries.Heard):
                if heard is None:
                    self._ask.tell("setup.nobody")
                else:
                    self._found(heard)
                    self._ask.tell("setup.deaf")
                return "", after
            after = heard.after
            if self._ask.is_right(
                "setup.this_group", title=clean(heard.title), group=heard.group, who=clean(heard.who)
            ):
                return str(heard.group), after
            self._ask.tell("setup.listening", minutes=round(tries.PATIENCE / 60))

    def _group_is_good(self) -> bool:
        return self._run(tries.group(self._settings(), self._found))

    def _approvers(self) -> None:
        field, now = "telegram_approvers", self._answers.now("telegram_approvers")
        if self._answers.elsewhere(field) is not None:
            return
        options = {name: self.words[f"setup.by_{name}"] for name in ("admins", "everybody", _LIST)}
        default = "everybody" if now == _EVERYBODY else _LIST if now else "admins"
        match self._ask.pick("setup.approvers", options, default):
            case "admins" if now:
                self._answers.put(field, "")
            case "everybody" if now != _EVERYBODY:
                self._answers.put(field, _EVERYBODY)
            case "list":
                self._until_good([field], self._group_is_good)

    def _source(self) -> None:
        self._ask.title("setup.source")
        options = {name: self._called("source", name, SOURCES[name]) for name in SOURCES}
        pushing = {
            name: f"{options[name]} ({self.words['setup.pushing']})"
            for name in SOURCES
            if SOURCES[name].called is not None
        }
        sources = Sources(self._ask, self._answers, self._person)
        self._until_good(sources.asked(options | pushing), lambda: self._try("OLT API"))
        sources.tell_what_is_left()

    def _directory(self) -> None:
        self._ask.title("setup.directory")
        none = "-"
        options = {name: self._called("directory", name, DIRECTORIES[name]) for name in DIRECTORIES}
        now = self._answers.now("directory")
        chosen = self._ask.pick(
            "setup.directories",
            {none: self.words["setup.own_records"], **options},
            now if now in options else none,
        )
        if self._answers.elsewhere("directory") is None and chosen != (now or none):
            self._answers.put("directory", "" if chosen == none else chosen)
        if chosen in DIRECTORIES:
            self._until_good(_asked(DIRECTORIES[chosen]), lambda: self._try("customers"))

    def _gateway(self) -> None:
        self._ask.title("setup.gateway")
        rehearses = self._ask.is_right("setup.rehearsal")
        if rehearses != (self._answers.now("dry_run").casefold() == "true"):
            self._answers.put("dry_run", str(rehearses).lower())
        names = [name for name in GATEWAYS if name != DRY_RUN]
        options = {name: self._called("gateway", name, GATEWAYS[name]) for name in names}
        if rehearses:
            options |= {DRY_RUN: self.words["setup.no_gateway"]}
        chosen = self._ask.chosen("gateway", "setup.gateways", options, names[0])
        if chosen == DRY_RUN:
            return
        adapter = GATEWAYS[chosen]
        ids = list(adapter.templates.values())
        self._until_good([field for field in _asked(adapter) if field not in ids], self._gateway_is_good)
        known = self._run(tries.templates(self._settings(dry_run="false"), self._clock))
        self._until_good(
            [*ids, "hsm_variables"],
            self._gateway_is_good,
            ["hsm_variables_restored"],
            dict.fromkeys(ids, known),
        )

    def _gateway_is_good(self) -> bool:
        return self._try("gateway", dry_run="false")  # the real one is asked, and sends nothing

    def _until_good(
        self,
        fields: Sequence[str],
        tried: Callable[[], bool],
        others: Sequence[str] = (),
        options: Mapping[str, Sequence[tuple[str, str]]] = MappingProxyType({}),
    ) -> None:
        """Ask for these, try them, and go on asking until they are good or the person goes on without.

        Once they were not, `others` are asked for, too. `options` are what a setting may be chosen from.
        """
        asked, changed = list(fields), "change"
        while True:
            if changed == "change":
                for field in asked:
                    self._ask.setting(field, options.get(field, ()))
            if tried():
                return
            changed = self._failed()
            if changed == "on":
                return
            asked = [*fields, *others]

    def _failed(self) -> str:
        options = {name: self.words[f"setup.{name}"] for name in ("change", "again", "on")}
        return self._ask.pick("setup.failed", options, "change")

    def _try(self, what: str, **tried: str) -> bool:
        try:
            return self._run(tries.system(self._settings(**tried), what, self._found))
        except StartupError as error:  # what cannot be opened with these settings
            self._person.say(f"✗ {error}")
            return False

    def _settings(self, **tried: str) -> Settings:
        return self._answers.reading(**{name.upper(): value for name, value in tried.items()}).settings

    def _found(self, finding: Finding) -> None:
        self._person.say(str(finding))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        """Try something now; Ctrl-C ends it, and the sitting."""
        self._hide(self._settings().secrets())
        try:
            return asyncio.run(work)
        except KeyboardInterrupt:
            raise Stopped from None

    def _called(self, kind: str, name: str, adapter: Declared) -> str:
        return words_in(adapter.folder, self.words["setup.code"]).get(f"{kind}.{name}", name)


def _asked(adapter: Declared) -> list[str]:
    return list(adapter.asked or adapter.needed)
