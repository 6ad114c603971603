"""What the stage knows of any gateway: how the bot is set to it, and the phones that it reaches."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from bot.simulator.gateway import GatewayApi
from bot.simulator.phones import Word
from bot.simulator.server import Answer

PhonesMode = Literal["on", "unreachable", "off"]
UNREACHABLE = 0.2  # of the phones, in that mode
STOP = "PARAR"
READS = 0.6
BACK = "RESTORED"
NAME = "{nome}"
TEXTS = {
    "LOS": "Olá {nome}, identificamos um rompimento de fibra que afeta sua conexão. "
    "Nossa equipe já está trabalhando. Não é preciso ligar.",
    "POWER": "Olá {nome}, identificamos uma falta de energia na sua região que afeta sua conexão. "
    "Nossa equipe acompanha e o sinal volta junto com a energia. Não é preciso ligar.",
    "RESTORED": "Olá {nome}, sua conexão foi restabelecida. Obrigado pela paciência.",
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
