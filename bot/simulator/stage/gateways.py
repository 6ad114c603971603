"""The stage's gateways: what the bot must be set to for each, and what its messages are on a phone."""

import json
import secrets
import socket
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bot.simulator.cloud import NUMBER, CloudApi
from bot.simulator.gateway import GatewayApi
from bot.simulator.hook import Hook
from bot.simulator.matrix import MatrixApi
from bot.simulator.server import Answer

GatewayName = Literal["matrix", "cloud"]

TEXTS = {
    "LOS": "Olá {nome}, identificamos um rompimento de fibra que afeta sua conexão. "
    "Nossa equipe já está trabalhando. Não é preciso ligar.",
    "POWER": "Olá {nome}, identificamos uma falta de energia na sua região que afeta sua conexão. "
    "Nossa equipe acompanha e o sinal volta junto com a energia. Não é preciso ligar.",
    "RESTORED": "Olá {nome}, sua conexão foi restabelecida. Obrigado pela paciência.",
}
MATRIX_IDS = {"LOS": 114, "POWER": 116, "RESTORED": 118}
BACK = "RESTORED"
CLOUD_NAMES = {"LOS": "rompimento_de_fibra", "POWER": "falta_de_energia", "RESTORED": "conexao_de_volta"}


@dataclass(frozen=True)
class Arrived:
    """A message on a customer's phone, numbered in order of arrival; ``kind`` is LOS, POWER or RESTORED."""

    id: int
    phone: str
    name: str
    text: str
    at: datetime
    kind: str

    @property
    def back(self) -> bool:
        """Whether it says that service is back."""
        return self.kind == BACK


class Gateway(ABC):
    """What the stage knows of its gateway.

    Attributes:
        api: The server that the bot talks to.
        refusal: What it answers to everything when it refuses.
    """

    api: GatewayApi[Any]
    refusal: Answer

    @abstractmethod
    def settings(self) -> dict[str, str]:
        """The bot's settings for it, once its server has been started."""

    def arrived(self, since: int = 0) -> list[Arrived]:
        """The messages on customers' phones, without the first so many."""
        return [self._arrived(n, m) for n, m in enumerate(self.api.received[since:], since + 1)]

    @abstractmethod
    def _arrived(self, number: int, message: Any) -> Arrived:
        """A message that was taken, as the customer's phone has it."""


class Matrix(Gateway):
    """Matrix, whose templates greet by the contact's name."""

    def __init__(self) -> None:
        self.api: MatrixApi = MatrixApi()
        self.api.restored.add(MATRIX_IDS[BACK])
        self.refusal = Answer(200, json.dumps({"cod_error": 1, "msg": "template pausado"}))

    def settings(self) -> dict[str, str]:
        """As the protocol has it."""
        return {
            "URL_HSM": self.api.hsm_url,
            "TOKEN_HSM": self.api.token,
            "HSM_ACCOUNT": "1",
            **{f"HSM_ID_{kind}": str(id_) for kind, id_ in MATRIX_IDS.items()},
        }

    def _arrived(self, number: int, message: Any) -> Arrived:
        return _shown(number, message, MATRIX_IDS, message.name)


class Cloud(Gateway):
    """The WhatsApp Cloud API, whose one variable is the name; ``hook`` is where the bot listens to it."""

    def __init__(self) -> None:
        self.api: CloudApi = CloudApi()
        self.api.restored.add(CLOUD_NAMES[BACK])
        self.api.templates = dict.fromkeys(CLOUD_NAMES.values(), 1)
        self.refusal = Answer(400, json.dumps({"error": {"code": 132015, "message": "Template is Paused"}}))
        self._port = _free_port()
        self.hook = Hook(f"http://127.0.0.1:{self._port}/whatsapp", secrets.token_hex(16))

    def settings(self) -> dict[str, str]:
        """As the protocol has it; the bot's HTTP port is known beforehand, so that it can be told things."""
        return {
            "GATEWAY": "cloud",
            "WA_BASE_URL": self.api.url,
            "WA_TOKEN": self.api.token,
            "WA_PHONE_NUMBER_ID": NUMBER,
            **{f"WA_TEMPLATE_{kind}": name for kind, name in CLOUD_NAMES.items()},
            "WA_APP_SECRET": self.hook.secret,
            "WA_VERIFY_TOKEN": self.hook.verify_token,
            "HSM_VARIABLES": "nome",
            "HSM_VARIABLES_RESTORED": "nome",
            "OPS_PORT": str(self._port),
        }

    def _arrived(self, number: int, message: Any) -> Arrived:
        return _shown(number, message, CLOUD_NAMES, next((text for _, text in message.values), ""))


GATEWAYS: Mapping[GatewayName, Callable[[], Gateway]] = {"matrix": Matrix, "cloud": Cloud}


def _shown(number: int, message: Any, templates: Mapping[str, int | str], name: str) -> Arrived:
    kind = next((kind for kind, template in templates.items() if template == message.template), "")
    text = TEXTS[kind].replace("{nome}", name) if kind else f"(template {message.template})"
    return Arrived(number, message.phone, name, text, message.at, kind)


def _free_port() -> int:
    """A port of loopback that nobody listens on, for a bot that is asked for it again after each start."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])
