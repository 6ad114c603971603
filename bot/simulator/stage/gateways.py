"""The stage's gateways: what the bot must be set to for each, and the customers' phones that it reaches."""

import json
import random
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bot.simulator.cloud import ACCOUNT, NUMBER, CloudApi, CloudMessage
from bot.simulator.gateway import GatewayApi
from bot.simulator.hook import Hook
from bot.simulator.matrix import MatrixApi, Message
from bot.simulator.phones import NO_WHATSAPP, Phones, Word
from bot.simulator.server import Answer

GatewayName = Literal["matrix", "cloud"]
PhonesMode = Literal["on", "unreachable", "off"]
UNREACHABLE = 0.2  # of the phones, in that mode
STOP = "PARAR"

NAME = "{nome}"
TEXTS = {
    "LOS": "Olá {nome}, identificamos um rompimento de fibra que afeta sua conexão. "
    "Nossa equipe já está trabalhando. Não é preciso ligar.",
    "POWER": "Olá {nome}, identificamos uma falta de energia na sua região que afeta sua conexão. "
    "Nossa equipe acompanha e o sinal volta junto com a energia. Não é preciso ligar.",
    "RESTORED": "Olá {nome}, sua conexão foi restabelecida. Obrigado pela paciência.",
}
MATRIX_IDS: Mapping[str, int] = {"LOS": 114, "POWER": 116, "RESTORED": 118}
BACK = "RESTORED"
READS = 0.6
SENT, DELIVERED, READ, FAILED = "Enviada", "Entregue", "Lida", "Falha"  # on Matrix's list
STATES: Mapping[str, Word] = {SENT: "sent", DELIVERED: "delivered", READ: "read", FAILED: "failed"}
CLOUD_NAMES: Mapping[str, str] = {
    "LOS": "rompimento_de_fibra",
    "POWER": "falta_de_energia",
    "RESTORED": "conexao_de_volta",
}


@dataclass(frozen=True)
class Arrived:
    """A message on a customer's phone, numbered in order of arrival; ``kind`` is LOS, POWER or RESTORED.

    ``why`` says why its ``state`` is failed: Meta's code, or the word that is on Matrix's list.
    """

    id: int
    phone: str
    name: str
    text: str
    at: datetime
    kind: str
    state: Word
    why: str = ""

    @property
    def back(self) -> bool:
        """Whether it says that service is back."""
        return self.kind == BACK


class Gateway(ABC):
    """What the stage knows of its gateway.

    Attributes:
        api: The server that the bot talks to.
        refusal: What it answers to everything when it refuses.
        templates: By kind: LOS, POWER, RESTORED.
        changed: Called with the number of each message that stands differently on its phone now.
    """

    api: GatewayApi[Any]
    refusal: Answer
    templates: Mapping[str, int | str]
    changed: Callable[[int], None] = staticmethod(lambda _: None)

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """The bot's settings for it, once its server has been started."""

    @abstractmethod
    def behave(self, mode: PhonesMode) -> None:
        """The phones are as the mode says, for messages from now on."""

    @abstractmethod
    def unreachable(self, phones: Collection[str]) -> None:
        """From now on no message arrives on these phones (digits), and on all others they do."""

    @abstractmethod
    def stop_messages(self, phone: str) -> None:
        """The customer answers PARAR."""

    async def run(self) -> None:
        """What there is to do beside answering: nothing, where a gateway only answers."""
        return

    def arrived(self, since: int = 0) -> list[Arrived]:
        """The messages on customers' phones, without the first so many."""
        return [self._arrived(n, m) for n, m in enumerate(self.api.received[since:], since + 1)]

    def message(self, number: int) -> Arrived:
        """The message with this number; LookupError where there is none."""
        if not 0 < number <= len(self.api.received):
            raise LookupError(f"no message {number}")
        return self._arrived(number, self.api.received[number - 1])

    def _arrived(self, number: int, message: Any) -> Arrived:
        kind = next((kind for kind, one in self.templates.items() if one == message.template), "")
        name, (state, why) = self._name(message), self._standing(message)
        text = TEXTS[kind].replace(NAME, name) if kind else f"(template {message.template})"
        return Arrived(number, message.phone, name, text, message.at, kind, state, why)

    @abstractmethod
    def _name(self, message: Any) -> str:
        """Whom the message greets."""

    @abstractmethod
    def _standing(self, message: Any) -> tuple[Word, str]:
        """How it stands on the phone, and why."""


class Matrix(Gateway):
    """Matrix, whose templates greet by the contact's name; its list says what became of a message."""

    templates = MATRIX_IDS

    def __init__(self, seed: int) -> None:
        self.api: MatrixApi = MatrixApi()
        self.api.restored.add(MATRIX_IDS[BACK])
        self.api.taken = self._taken
        self._seed = seed
        self._mode: PhonesMode = "on"
        self._unreachable: set[str] = set()
        self.refusal = Answer(200, json.dumps({"cod_error": 1, "msg": "template pausado"}))

    def settings(self) -> dict[str, str]:
        """As the protocol has it."""
        return {
            "URL_HSM": self.api.hsm_url,
            "TOKEN_HSM": self.api.token,
            "HSM_ACCOUNT": "1",
            **{f"HSM_ID_{kind}": str(id_) for kind, id_ in MATRIX_IDS.items()},
        }

    def behave(self, mode: PhonesMode) -> None:
        """As the protocol has it."""
        self._mode = mode

    def unreachable(self, phones: Collection[str]) -> None:
        """As the protocol has it."""
        self._unreachable = set(phones)

    def stop_messages(self, phone: str) -> None:
        """The platform's own blacklist has the phone."""
        self.api.blacklist.add(phone)

    def _taken(self, message: Message) -> None:
        chance = random.Random(f"{self._seed} {message.phone}").random()
        failed = message.phone in self._unreachable or (self._mode == "unreachable" and chance < UNREACHABLE)
        word = FAILED if failed else SENT if self._mode == "off" else READ if chance < READS else DELIVERED
        self.api.states[message.phone] = word

    def _name(self, message: Message) -> str:
        return message.name

    def _standing(self, message: Message) -> tuple[Word, str]:
        word = self.api.states[message.phone]
        return STATES[word], word if word == FAILED else ""


class Cloud(Gateway):
    """The WhatsApp Cloud API, whose templates have one variable: the name. It tells the bot by webhook."""

    templates = CLOUD_NAMES

    def __init__(self, seed: int) -> None:
        self.api: CloudApi = CloudApi()
        self.api.restored.add(CLOUD_NAMES[BACK])
        self.api.templates = dict.fromkeys(CLOUD_NAMES.values(), 1)
        self.api.texts = {CLOUD_NAMES[kind]: text.replace(NAME, "{{1}}") for kind, text in TEXTS.items()}
        self.refusal = Answer(400, json.dumps({"error": {"code": 132015, "message": "Template is Paused"}}))
        self._port = _free_port()
        self.phones = Phones(
            self.api, Hook(f"http://127.0.0.1:{self._port}/whatsapp", secrets.token_hex(16)), seed=seed
        )
        # As it is with Meta: things are told twice, in any order, and by others.
        self.phones.habits.twice, self.phones.habits.shuffled, self.phones.habits.forged = 0.1, 0.2, 0.02
        self.phones.changed = self._changed
        self._numbers: dict[str, int] = {}

    def settings(self) -> dict[str, str]:
        """As the protocol has it; the bot's HTTP port is known beforehand, so that it can be told things."""
        return {
            "GATEWAY": "cloud",
            "WA_BASE_URL": self.api.url,
            "WA_TOKEN": self.api.token,
            "WA_PHONE_NUMBER_ID": NUMBER,
            "WA_WABA_ID": ACCOUNT,
            **{f"WA_TEMPLATE_{kind}": name for kind, name in CLOUD_NAMES.items()},
            "WA_APP_SECRET": self.phones.hook.secret,
            "WA_VERIFY_TOKEN": self.phones.hook.verify_token,
            "HSM_VARIABLES": "nome",
            "HSM_VARIABLES_RESTORED": "nome",
            "OPS_PORT": str(self._port),
        }

    def behave(self, mode: PhonesMode) -> None:
        """As the protocol has it."""
        self.phones.habits.off = float(mode == "off")
        self.phones.habits.unreachable = UNREACHABLE if mode == "unreachable" else 0.0

    def unreachable(self, phones: Collection[str]) -> None:
        """As the protocol has it."""
        self.phones.habits.codes = dict.fromkeys(phones, NO_WHATSAPP)

    def stop_messages(self, phone: str) -> None:
        """As the protocol has it."""
        self.phones.say(phone, STOP)

    async def run(self) -> None:
        """What becomes of messages is told."""
        await self.phones.run()

    def _changed(self, message: CloudMessage) -> None:
        """A held message that never left is on no phone."""
        for n in range(len(self._numbers), len(self.api.received)):
            self._numbers[self.api.received[n].id] = n + 1
        if message.id in self._numbers:
            self.changed(self._numbers[message.id])

    def _name(self, message: CloudMessage) -> str:
        return next((text for _, text in message.values), "")

    def _standing(self, message: CloudMessage) -> tuple[Word, str]:
        word, code = self.phones.standings[message.id]
        return word, str(code or "")


GATEWAYS: Mapping[GatewayName, Callable[[int], Gateway]] = {"matrix": Matrix, "cloud": Cloud}


def _free_port() -> int:
    """A port of loopback that nobody listens on, for a bot that is asked for it again after each start."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
