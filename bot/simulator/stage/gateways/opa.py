"""Opa! Suite on the stage."""

import asyncio
import heapq
import json
import random
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

from bot.simulator.opa import CHANNEL, OpaApi, OpaMessage, Stage
from bot.simulator.phones import Word
from bot.simulator.server import Answer
from bot.simulator.stage.gateways.base import BACK, NAME, READS, TEXTS, UNREACHABLE, Gateway, PhonesMode

OPA_IDS: Mapping[str, str] = {kind: f"624c358355802dbdd2eb94{n:02x}" for n, kind in enumerate(TEXTS, 1)}
ARRIVES, READ_AFTER = (0.2, 1.2), (1.0, 8.0)  # seconds
CODE = "131026"
WHY = f"(#{CODE}) Message undeliverable"
WORDS: Mapping[str, Word] = {"sent": "sent", "delivered": "delivered", "read": "read", "failed": "failed"}


class Opa(Gateway):
    """Opa! Suite, whose templates have one variable: the name. It is asked for each message."""

    templates = OPA_IDS

    def __init__(self, seed: int) -> None:
        self.api: OpaApi = OpaApi()
        self.api.restored.add(OPA_IDS[BACK])
        self.api.templates = {
            OPA_IDS[kind]: text.replace(NAME, "{{nome_cliente}}") for kind, text in TEXTS.items()
        }
        self.api.taken = self._taken
        self.api.fate = lambda message: self._fates[message.id]
        data = {"message": "Template not approved."}
        self.refusal = Answer(400, json.dumps({"status": "error", "code": 400, "data": data}))
        self._seed = seed
        self._mode: PhonesMode = "on"
        self._unreachable: set[str] = set()
        self._fates: dict[str, Sequence[Stage]] = {}
        self._changes: list[
            tuple[float, int]
        ] = []  # when by the clock the message of that number stands otherwise
        self._woken = asyncio.Event()

    def settings(self) -> dict[str, str]:
        """As the protocol has it."""
        return {
            "GATEWAY": "opa",
            "OPA_URL": self.api.url,
            "OPA_TOKEN": self.api.token,
            "OPA_CHANNEL": CHANNEL,
            **{f"OPA_TEMPLATE_{kind}": id_ for kind, id_ in OPA_IDS.items()},
            "HSM_VARIABLES": "nome",
            "HSM_VARIABLES_RESTORED": "nome",
        }

    def behave(self, mode: PhonesMode) -> None:
        """As the protocol has it."""
        self._mode = mode

    def unreachable(self, phones: Collection[str]) -> None:
        """As the protocol has it."""
        self._unreachable = set(phones)

    def stop_messages(self, phone: str) -> None:
        """The desk has it, in a conversation that is open now; it tells nobody."""
        self.api.conversations.add(phone)

    async def run(self) -> None:
        """Who looks at the phones is told what changes there."""
        loop = asyncio.get_running_loop()
        while True:
            while self._changes and self._changes[0][0] <= loop.time():
                self.changed(heapq.heappop(self._changes)[1])
            self._woken.clear()
            wait = max(0.0, self._changes[0][0] - loop.time()) if self._changes else None
            with suppress(TimeoutError):
                async with asyncio.timeout(wait):
                    await self._woken.wait()

    def _taken(self, message: OpaMessage) -> None:
        chance = random.Random(f"{self._seed} {message.phone} {message.template}")
        arrives, read_after = chance.uniform(*ARRIVES), chance.uniform(*READ_AFTER)
        lost, reads = chance.random(), chance.random()
        fate = [Stage(0.0, "sent")]
        if message.phone in self._unreachable or (self._mode == "unreachable" and lost < UNREACHABLE):
            fate.append(Stage(arrives, "failed", WHY))
        elif self._mode != "off":
            fate.append(Stage(arrives, "delivered"))
            fate += [Stage(arrives + read_after, "read")] if reads < READS else []
        self._fates[message.id] = fate
        for stage in fate[1:]:
            heapq.heappush(self._changes, (message.taken + stage.after, len(self.api.received)))
        self._woken.set()

    def _name(self, message: OpaMessage) -> str:
        return next(iter(message.values), "")

    def _standing(self, message: OpaMessage) -> tuple[Word, str]:
        stage = self.api.standing(message)
        return WORDS[stage.word], CODE if stage.why else ""
