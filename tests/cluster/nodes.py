"""Real bots that share a ledger in PostgreSQL, each started anew as by `restart: always`."""

import asyncio
import json
import os
import re
import signal
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from bot.process.cluster.leading import LOST
from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.ports import free_port
from bot.simulator.telegram.api import BotApi
from bot.simulator.telegram.chat import User
from bot.simulator.world import World
from tests.child import settings
from tests.postgres import Server

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0
OK, AWAY = 200, 503


class Node:
    """One machine: whatever ends there is started anew, unless the machine itself is gone."""

    def __init__(self, name: str, variables: dict[str, str], folder: Path) -> None:
        self.name, self.folder = name, folder
        self.port = free_port()
        own = {"NODE": name, "DATA_DIR": str(folder / "data"), "OPS_PORT": str(self.port)}
        self.variables = variables | own
        self.codes: list[int] = []
        self.process: asyncio.subprocess.Process | None = None
        self._on: asyncio.Task[None] | None = None

    def switch_on(self) -> None:
        self.folder.mkdir(exist_ok=True)
        self._on = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            with (self.folder / "bot.log").open("ab") as log:
                self.process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "bot", "run"),
                    cwd=self.folder,
                    env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.variables},
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                )
            self.codes.append(await self.process.wait())

    def tell(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    async def switch_off(self, how: signal.Signals = signal.SIGKILL) -> None:
        """The machine is gone: nothing starts it anew."""
        if self._on is not None:
            self._on.cancel()
            with suppress(asyncio.CancelledError):
                await self._on
        if self.process is not None and self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)
                self.process.send_signal(how)
            async with asyncio.timeout(PATIENCE):
                self.codes.append(await self.process.wait())

    async def asked(self, path: str, within: float = 2.0) -> tuple[int, str]:
        """Status and body; 0 where nobody answers within so many seconds."""
        try:
            async with httpx.AsyncClient(trust_env=False, timeout=within) as http:
                answer = await http.get(f"http://127.0.0.1:{self.port}{path}")
        except httpx.HTTPError:
            return 0, ""
        return answer.status_code, answer.text

    async def leads(self) -> bool:
        return (await self.asked("/readyz"))[0] == OK

    async def stands_by(self) -> bool:
        status, body = await self.asked("/readyz")
        return status == AWAY and "stands by" in body

    async def number(self, name: str) -> float:
        """What `/metrics` says of it; 0 where nobody answers, or it is not there."""
        found = re.search(rf"^{name} (\S+)", (await self.asked("/metrics"))[1], re.MULTILINE)
        return float(found[1]) if found else 0.0

    def copied(self) -> int:
        """The number of the last line that it has in files."""
        files = sorted((self.folder / "data" / "ledger").glob("*.jsonl"))
        last = files[-1].read_bytes().rpartition(b"\n")[0].rpartition(b"\n")[2] if files else b""
        return int(json.loads(last)["seq"]) if last else 0

    def log(self) -> str:
        return (self.folder / "bot.log").read_text()


class Cluster:
    """Two nodes, an outage of `customers`, and Ana, who approves it."""

    def __init__(
        self, server: Server, olt: OltApi, hsm: MatrixApi, chat: BotApi, folder: Path, *, url: str = ""
    ) -> None:
        self.server, self.olt, self.hsm, self.chat = server, olt, hsm, chat
        chat.group_limit = None
        self.ana, self.bruno = (chat.add_user(*who, admin=True) for who in ((501, "Ana"), (502, "Bruno")))
        self.url = url or server.database()
        self.name = self.url.rpartition("/")[2]
        shared = settings(olt, hsm, chat, folder) | {
            "LEDGER": self.url,
            "POLL_SECONDS": "1",
            "UNDO_SECONDS": "0",
            "HSM_RATE": "50",
            "HSM_CONCURRENCY": "10",
        }
        self.a, self.b = (Node(name, shared, folder / name) for name in ("noc-a", "noc-b"))

    @property
    def nodes(self) -> tuple[Node, Node]:
        return self.a, self.b

    async def until(self, true: Callable[[], Any], within: float = PATIENCE) -> float:
        """How many seconds it took until it was so."""
        began = time.monotonic()
        async with asyncio.timeout(within):
            while True:
                found = true()
                if await found if asyncio.iscoroutine(found) else found:
                    return time.monotonic() - began
                await asyncio.sleep(0.02)  # it is in another process

    async def leader(self) -> Node:
        found: list[Node] = []

        async def one() -> bool:
            found[:] = [node for node in self.nodes if await node.leads()]
            return bool(found)

        await self.until(one)
        return found[0]

    def other(self, node: Node) -> Node:
        return self.b if node is self.a else self.a

    async def approve(self, *others: User) -> None:
        """Ana taps on the card as soon as there is one, and so do others in the same instant."""
        tap = await self.tap()
        for who in (self.ana, *others):
            tap(who)

    async def tap(self) -> Callable[[User], object]:
        """How somebody approves, as soon as there is a card."""
        await self.until(lambda: any("Aprovar" in b for m in self.chat.messages() for b in m.buttons))
        message = next(m for m in self.chat.messages() if any("Aprovar" in b for b in m.buttons))
        data = message.button("Aprovar").data or ""
        return lambda who: self.chat.post_callback(who, message, data)

    def delivered(self) -> Counter[str]:
        """How many messages each phone got."""
        return Counter(message.phone for message in self.hsm.received)

    def done(self) -> bool:
        return any("Envio concluído" in message.text for message in self.chat.messages())

    def said(self, part: str) -> bool:
        return any(part in message.text for message in self.chat.messages())

    def lines(self) -> list[dict[str, Any]]:
        """Every line of the ledger, as PostgreSQL has it."""
        rows = self.server.run("SELECT line FROM ledger_lines ORDER BY seq", self.name)
        return [json.loads(str(row[0])) for row in rows]

    def phones(self) -> dict[str, str]:
        """Of the recipients of plans, by their ids."""
        rows = self.server.run("SELECT line FROM ledger_people", self.name)
        return {one: str(phone) for row in rows for one, _, phone in json.loads(str(row[0]))["people"]}

    def counted(self) -> "Counted":
        """What came of a plan that is over: by the lines, and by who got a message."""
        got, lines = self.delivered(), self.lines()
        to_tell = {
            r["id"]
            for line in lines
            if line["kind"] == "planned"
            for r in line["recipients"]
            if r.get("skip") is None
        }
        results = {line["recipient"]: line["outcome"] for line in lines if line["kind"] == "result"}
        intents = {line["recipient"] for line in lines if line["kind"] == "intent"}
        unknown = {one for one in intents if results.get(one, "unknown") == "unknown"}
        accepted = {one for one, outcome in results.items() if outcome == "accepted"}
        failed = {one for one, outcome in results.items() if outcome == "failed"}
        phones = self.phones()
        told, doubted = ({phones[one] for one in these} for these in (accepted, unknown))
        return Counted(
            plans=sum(line["kind"] == "planned" for line in lines),
            planned=len(to_tell),
            accepted=len(accepted),
            unknown=len(unknown),
            failed=len(failed),
            got=len(got),
            twice=sum(n > 1 for n in got.values()),
            missing=len(to_tell - accepted - unknown - failed) + len(told - got.keys()),
            untold=len(got.keys() - told - doubted),
            ends=sum(node.codes.count(LOST) + node.codes.count(-signal.SIGKILL) for node in self.nodes),
        )

    def judged(self, in_flight: int) -> None:
        """Nobody got two, and everybody of the plan is told or in doubt; of those there are few.

        As many as are `in_flight` at once, each time that a leader ended at once: a slow machine may see
        one more end than it was to.
        """
        self.counted().judged(in_flight)


@dataclass(frozen=True, slots=True)
class Counted:
    """Plans of one outage, and its customers: of the plans, accepted, in doubt and failed by the lines, who
    got a message, and two; `missing` are told of as sent, or nowhere, and got none that anybody knows of;
    `untold` got one that no line speaks of. `ends`: how often a process ended at once.
    """

    plans: int
    planned: int
    accepted: int
    unknown: int
    failed: int
    got: int
    twice: int
    missing: int
    untold: int
    ends: int

    def judged(self, in_flight: int) -> None:
        """AssertionError where it is not as it has to be."""
        assert self.plans == 1, f"it was approved {self.plans} times"
        assert self.twice == 0, f"{self.twice} got two"
        assert self.missing == 0, f"{self.missing} are unaccounted for"
        assert self.untold == 0, f"{self.untold} got a message that nothing is known of"
        most, found = in_flight * max(1, self.ends), f"{self.unknown} are in doubt, {self.failed} failed"
        assert self.unknown + self.failed <= most, found


@asynccontextmanager
async def cluster(server: Server, folder: Path, customers: int, url: str = "") -> AsyncIterator[Cluster]:
    """All services are up, and no node is on; nothing is left running. `url`: of a ledger that there is."""
    async with AsyncExitStack() as stack:
        olt = await stack.enter_async_context(OltApi(World()))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        made = Cluster(server, olt, hsm, chat, folder, url=url)
        olt.world.outage(customers)
        try:
            yield made
        finally:
            for node in made.nodes:
                await node.switch_off()
