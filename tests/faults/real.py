"""The real process between the pretend services: started, traced, broken, and judged by what the gateway got.

`strace` does what a test cannot do from outside: it kills the process, or lets a system call fail, at the
n-th call of one of its threads.
"""

import asyncio
import json
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from bot.simulator.matrix import MatrixApi
from bot.simulator.olt import OltApi
from bot.simulator.telegram.api import BotApi
from bot.simulator.world import World
from bot.storage.segments import ledger_folder, segment_name
from tests.child import settings
from tests.faults.tries import Tries, Violation

ROOT = Path(__file__).parents[2]
AT_ONCE = 3  # runs beside each other: they wait more than they work
IN_FLIGHT = 4  # messages on their way at one time, at most
PATIENCE = 120.0  # seconds; only what hangs takes that long
LABELS = ("Aprovar", "Tentar de novo", "Retomar")
RESTORED = 77  # a template's id
HEARD = ("Avisados que voltou", "Ninguém foi avisado que voltou")
QUIET_POLLS = 4  # after so many without anything else going on nothing will
AGAIN = 1.0  # seconds after which a person taps once more on what does not answer


@dataclass(frozen=True)
class Trap:
    """`effect` at the `when`-th of these system calls of any one thread, e.g. `3`, or `3+` for all after it.

    Only calls on the ledger's file count where `ledger` says so. `-e inject` of strace(1).
    """

    calls: str
    when: str
    effect: str = "signal=KILL"
    ledger: bool = False

    def options(self, data: Path) -> list[str]:
        """For strace. Names that a processor does not have (rename) are no error."""
        calls = ",".join(f"?{name}" for name in self.calls.split(","))
        where = ["-P", str(ledger_folder(data) / segment_name(datetime.now(UTC)))] if self.ledger else []
        # Cheap, but a signal given at a call's entry is lost with it.
        cheap = [] if self.effect.startswith("signal") else ["--seccomp-bpf"]
        return [
            *cheap,
            *where,
            "-e",
            f"trace={calls}",
            "-e",
            f"inject={calls}:{self.effect}:when={self.when}",
        ]


class Real:
    """An outage of `customers`, the bot as a child on it, and Ana, who approves, retries and resumes."""

    def __init__(self, olt: OltApi, hsm: MatrixApi, chat: BotApi, folder: Path, customers: int) -> None:
        self.olt, self.hsm, self.chat, self.folder, self.customers = olt, hsm, chat, folder, customers
        self.outage = olt.world.outage(customers)
        chat.group_limit = None  # the pace has tests of its own
        self.ana = chat.add_user(501, "Ana", admin=True)
        self.data = folder / "data"
        self.variables = settings(olt, hsm, chat, folder) | {
            "POLL_SECONDS": "1",
            "UNDO_SECONDS": "0",
            "HSM_RATE": "0",
            "HSM_CONCURRENCY": str(IN_FLIGHT),
        }
        self.process: asyncio.subprocess.Process | None = None
        self._spawning: asyncio.Future[asyncio.subprocess.Process] | None = None
        self.hands = asyncio.Event()
        """Ana taps while this is set."""

    @property
    def pid(self) -> int:
        """The id of the process that was started last."""
        assert self.process is not None
        return self.process.pid

    async def start(self, trap: Trap | None = None) -> asyncio.subprocess.Process:
        """`python -m bot run`, under strace from its first call where there is a trap."""
        trace = (
            ["strace", "-D", "-f", "-qq", "-o", "/dev/null", *trap.options(self.data), "--"] if trap else []
        )
        with (self.folder / "bot.log").open("ab") as log:
            spawning = asyncio.create_subprocess_exec(
                *trace,
                *(sys.executable, "-m", "bot", "run"),
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **self.variables},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
            self._spawning = asyncio.ensure_future(spawning)  # a run cut short in here leaves nobody behind
            self.process = await asyncio.shield(self._spawning)
        return self.process

    async def attach(self, trap: Trap) -> None:
        """The trap is laid for the process that runs; its calls count from here."""
        assert self.process is not None
        tracer = await asyncio.create_subprocess_exec(
            "strace",
            *("-f", "-o", "/dev/null", *trap.options(self.data), "-p", str(self.pid)),
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        assert tracer.stderr is not None
        async with asyncio.timeout(PATIENCE):  # "attached", or why not: it is gone
            await tracer.stderr.readline()

    async def works(self) -> None:
        """The bot, just started, has called one of the services, or has ended."""
        assert self.process is not None
        seen = self._heard()
        await self.until(lambda: self._heard() > seen)

    async def until(self, true: Callable[[], Any]) -> bool:
        """True once what is waited for holds; False where the bot has ended, or hangs.

        It hangs where some polls went by in which nothing else was asked of any service.
        """
        assert self.process is not None
        moved, polls, began = self._moved(), self.polls, time.monotonic()
        while not true():
            hangs = self.polls - polls > QUIET_POLLS or time.monotonic() - began > PATIENCE
            if self.process.returncode is not None or hangs:
                return False
            await asyncio.sleep(0.01)  # it is in files and in another process
            if moved != self._moved():
                moved, polls = self._moved(), self.polls
        return True

    @property
    def polls(self) -> int:
        """How many readings of the alert list have begun."""
        return sum(1 for request in self.olt.requests if "/alert/list" in request.path)

    async def more_polls(self, count: int) -> None:
        """The bot, which runs on, has read the alert list so many times more."""
        seen = self.polls
        await self.until(lambda: self.polls - seen >= count)

    async def ended(self, within: float = PATIENCE) -> int:
        """The exit code once the bot has ended by itself; TimeoutError where that takes longer."""
        assert self.process is not None
        async with asyncio.timeout(within):
            return await self.process.wait()

    async def stop(self) -> int:
        """SIGTERM where it runs; the exit code."""
        assert self.process is not None
        if self.process.returncode is None:
            with suppress(ProcessLookupError):
                self.process.terminate()
        return await self.ended()

    async def kill(self) -> None:
        """SIGKILL where it runs."""
        process = await self._spawning if self._spawning is not None else None
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()

    def done(self) -> bool:
        """Whether a card says that the dispatch is over."""
        return any("Envio concluído" in message.text for message in self.chat.messages())

    def tells_by_itself(self) -> None:
        """To be called before a start: who was warned hears by itself that service is back."""
        self.variables |= {"HSM_ID_RESTORED": str(RESTORED), "RESTORED_AUTO": "true", "CLOSE_POLLS": "2"}
        self.hsm.restored = {RESTORED}

    def heard(self) -> bool:
        """Whether a card says who heard that service is back."""
        return any(said in message.text for said in HEARD for message in self.chat.messages())

    def said(self, part: str) -> bool:
        """Whether a message of the bot says so now."""
        return any(part in message.text for message in self.chat.messages())

    def told(self) -> bool:
        """Whether a message that is no card says that the ledger is closed."""
        return any("Registro fechado" in m.text and "6/15" not in m.text for m in self.chat.messages())

    def card(self) -> str:
        """What the newest card says; nothing where there is none."""
        return next((m.text for m in reversed(self.chat.messages()) if "6/15" in m.text), "")

    async def health(self) -> tuple[int, dict[str, str]]:
        """The status of /healthz and what it says is wrong."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            answer = await http.get(f"http://127.0.0.1:{self.variables['OPS_PORT']}/healthz")
        wrong: dict[str, str] = answer.json()["wrong"]
        return answer.status_code, wrong

    async def in_flight(self) -> int:
        """How many sends have left the bot and are not answered yet, as it says itself."""
        async with httpx.AsyncClient(trust_env=False, timeout=PATIENCE) as http:
            answer = await http.get(f"http://127.0.0.1:{self.variables['OPS_PORT']}/metrics")
        found = re.findall(r"^noc_sends_in_flight{[^}]*} (\d+)", answer.text, re.MULTILINE)
        assert found, answer.text
        return sum(map(int, found))

    def _heard(self) -> int:
        return len(self.olt.requests) + self.chat.calls.total()

    def _moved(self) -> tuple[int, int]:
        calls = self.chat.calls
        return len(self.hsm.requests), calls.total() - calls["getUpdates"]

    async def person(self) -> None:
        """Taps whatever asks for a decision, once, and again where nothing comes of it."""
        tapped: dict[tuple[int, str], float] = {}
        while True:
            await self.hands.wait()
            for message in reversed(self.chat.messages()):
                label = next((name for name in LABELS if any(name in b for b in message.buttons)), None)
                if label is None:
                    continue
                data = message.button(label).data or ""
                if time.monotonic() - tapped.get((message.id, data), -AGAIN) >= AGAIN:
                    tapped[message.id, data] = time.monotonic()
                    self.chat.post_callback(self.ana, message, data)
                break
            with suppress(TimeoutError):
                async with asyncio.timeout(AGAIN):
                    await self.chat.next_change()

    def log(self) -> str:
        """What every start of the bot logged."""
        return (self.folder / "bot.log").read_text()

    def segment(self) -> Path:
        """The newest file of the ledger."""
        return max(ledger_folder(self.data).glob("*.jsonl"))

    def tear(self) -> None:
        """Half of a line more at the ledger's end, as a crash leaves it in the middle of a write."""
        last = self.segment().read_bytes().splitlines()[-1]
        with self.segment().open("ab") as file:
            file.write(last[: len(last) // 2])

    def lines(self) -> list[dict[str, Any]]:
        """The ledger's lines, with whom their plans speak of, read without the bot's own fold."""
        found = _json_in(ledger_folder(self.data))
        plans = {(plan["case"], plan["at"]): plan["people"] for plan in _json_in(self.data / "people")}
        for line in found:
            if line["kind"] == "planned":
                people = {id_: (name, phone) for id_, name, phone in plans[line["case"], line["at"]]}
                for recipient in line["recipients"]:
                    recipient["name"], recipient["phone"] = people[recipient["id"]]
        return found

    async def finish(self, tries: Tries, story: str, *, alone: bool = False) -> None:
        """A clean run to the end: everybody who is still to do is told, the bot stops in order.

        `alone`: without a tap.
        """
        await self.start()
        await self.works()
        if not alone:
            self.hands.set()
        done = await self.until(self.done)
        tries.check(done, f"it hangs, with the card {self.card()!r}: {story}")
        self.hands.clear()
        code = await self.stop()
        assert code == 0, f"the clean run ended with {code}:\n{self.log()[-3000:]}"


@asynccontextmanager
async def real(
    folder: Path, customers: int = 15, variables: Mapping[str, str] | None = None
) -> AsyncIterator[Real]:
    """The services are up, the bot is not; whatever happens, nothing is left running. `variables` are more
    settings.
    """
    async with AsyncExitStack() as stack:
        olt = await stack.enter_async_context(OltApi(World()))
        hsm = await stack.enter_async_context(MatrixApi())
        chat = await stack.enter_async_context(BotApi())
        made = Real(olt, hsm, chat, folder, customers)
        made.variables |= variables or {}
        person = asyncio.create_task(made.person())
        try:
            yield made
        finally:
            person.cancel()
            await asyncio.gather(person, return_exceptions=True)
            await made.kill()


async def all_of(
    tries: Tries, folder: Path, runs: Sequence[Callable[[Tries, Path], Awaitable[object]]]
) -> None:
    """Several runs beside each other, the first ones first; the first Violation ends them all."""
    todo = iter(enumerate(runs))

    async def work() -> None:
        for number, run in todo:
            own = folder / f"{number}"
            own.mkdir(exist_ok=True)
            await run(tries, own)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(work())
    except* Violation as found:
        raise found.exceptions[0] from None


def _json_in(folder: Path) -> list[dict[str, Any]]:
    """Every whole line of the files of a folder; what a crash tore in `people/` is nobody's."""
    raws = (raw for file in sorted(folder.glob("*.jsonl")) for raw in file.read_bytes().splitlines())
    return [json.loads(raw) for raw in raws if raw.endswith(b"}")]
