"""Matrix on the stage."""

import json
import random
from collections.abc import Collection, Mapping

from bot.simulator.matrix import MatrixApi, Message
from bot.simulator.phones import Word
from bot.simulator.server import Answer
from bot.simulator.stage.gateways.base import BACK, READS, UNREACHABLE, Gateway, PhonesMode

MATRIX_IDS: Mapping[str, int] = {"LOS": 114, "POWER": 116, "RESTORED": 118}
SENT, DELIVERED, READ, FAILED = "Enviada", "Entregue", "Lida", "Falha"  # on Matrix's list
STATES: Mapping[str, Word] = {SENT: "sent", DELIVERED: "delivered", READ: "read", FAILED: "failed"}


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
