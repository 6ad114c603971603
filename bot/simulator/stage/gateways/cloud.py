"""The WhatsApp Cloud API on the stage."""

import json
import secrets
from collections.abc import Collection, Mapping

from bot.simulator.cloud import ACCOUNT, NUMBER, CloudApi, CloudMessage
from bot.simulator.hook import Hook
from bot.simulator.phones import NO_WHATSAPP, Phones, Word
from bot.simulator.ports import free_port
from bot.simulator.server import Answer
from bot.simulator.stage.gateways.base import BACK, NAME, STOP, TEXTS, UNREACHABLE, Gateway, PhonesMode

CLOUD_NAMES: Mapping[str, str] = {
    "LOS": "rompimento_de_fibra",
    "POWER": "falta_de_energia",
    "RESTORED": "conexao_de_volta",
}


class Cloud(Gateway):
    """The WhatsApp Cloud API, whose templates have one variable: the name. It tells the bot by webhook."""

    templates = CLOUD_NAMES

    def __init__(self, seed: int) -> None:
        self.api: CloudApi = CloudApi()
        self.api.restored.add(CLOUD_NAMES[BACK])
        self.api.templates = dict.fromkeys(CLOUD_NAMES.values(), 1)
        self.api.texts = {CLOUD_NAMES[kind]: text.replace(NAME, "{{1}}") for kind, text in TEXTS.items()}
        self.refusal = Answer(400, json.dumps({"error": {"code": 132015, "message": "Template is Paused"}}))
        self._port = free_port()
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
