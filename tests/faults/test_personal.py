"""Attack: names and phones torn, damaged or another's, the key gone, and what is forgotten or upgraded broken
off at every step. Nobody is written to at a phone that the plan did not mean, nobody twice, nothing is lost.
"""

import asyncio
import errno
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from bot.domain import events as ev
from bot.domain.phone import Phone
from bot.domain.plan import Outcome, Recipient, Skip
from bot.domain.rules import Rules
from bot.errors import StartupError
from bot.steps.send import claim
from bot.storage.commands.forget import forget
from bot.storage.commands.upgrade import upgrade
from bot.storage.commands.verify import verify
from bot.storage.files import FileLedger
from bot.storage.people.months import Listed, Person, read
from bot.storage.people.store import known
from bot.storage.replay import scan
from tests.fakes import ANA, NOON, FakeClock, incident, port
from tests.faults.images import DATA, Held
from tests.faults.tries import Tries
from tests.people import KEY, SECRET
from tests.storage.people.old import written
from tests.storage.people.test_upgrade import GROUPS
from tests.storage.samples import adds

pytestmark = pytest.mark.attack

PHONES = {"c1": "5561999990001", "c2": "5561999990002", "c3": "5561999990003"}
NAMES = {"c1": "João", "c2": "Maria", "c3": "Zélia"}
PLAN = tuple(Recipient(id_, NAMES[id_], (f"Z{id_}",), phone) for id_, phone in PHONES.items())
ZE = Phone(PHONES["c1"])
PEOPLE, SEGMENT = "people/2026-11.jsonl", "ledger/2026-11.jsonl"
LATER = NOON + timedelta(days=13)
Files = dict[str, bytes]


class Failing(Held):
    """From its step of that number on it takes nothing more, as if the program had been killed there."""

    def __init__(self, files: Files, last: int | None = None) -> None:
        super().__init__({})
        self.files = {name: bytearray(data) for name, data in files.items()}
        self.steps, self._last = 0, last

    @property
    def left(self) -> Files:
        return {name: bytes(data) for name, data in self.files.items()}

    @property
    def failed(self) -> bool:
        return self._last is not None and self.steps >= self._last

    def _step(self) -> None:
        self.steps += 1
        if self.failed:
            raise OSError(errno.EIO, "as asked for")

    def write(self, descriptor: int, data: bytes) -> int:
        self._step()
        return super().write(descriptor, data)

    def replace_with(
        self, path: Path, parts: Iterable[bytes], proof: Callable[[Path], object] | None = None
    ) -> None:
        data = list(parts)
        self._step()
        super().replace_with(path, data, proof)

    def move(self, path: Path, to: Path) -> None:
        self._step()
        super().move(path, to)

    def remove(self, path: Path) -> None:
        self._step()
        super().remove(path)

    def remove_folder(self, folder: Path) -> None:
        for name in sorted(self.files):
            if name.startswith(f"{self._key(folder)}/"):
                self._step()
                del self.files[name]


async def planned() -> Files:
    """A ledger that was killed with a plan and nothing sent."""
    disk = Failing({"people.key": SECRET})
    ledger = FileLedger.open(DATA, FakeClock(), disk)
    await ledger.commit(adds(ev.Started("1", key=ledger.key), ev.CaseOpened(1, incident(1))))
    await ledger.commit(adds(ev.Approved(1, ANA, (port(),))))
    await ledger.commit(adds(ev.Planned(1, 3, PLAN)))
    await ledger.close()
    return disk.left


async def resumed(tries: Tries, files: Files, story: str) -> tuple[list[str], Failing]:
    """Who is sent to when it goes on with those files, and what is left on the disk."""
    tries.runs += 1
    disk, received = Failing(files), list[str]()
    ledger = FileLedger.open(DATA, FakeClock(), disk)
    try:
        if ledger.closed is not None:
            return received, disk
        await ledger.commit(adds(ev.Started("2", key=ledger.key)))
        if not ledger.book.running:
            return received, disk  # it was at its end
        await ledger.commit(adds(ev.Resumed(1, ANA)))
        sends = ledger.book.cases[1].dispatches[0].sends
        for id_ in [one.id for one in sends.todo()]:
            [line] = await ledger.commit(claim(1, 1, id_, Rules()))
            if isinstance(line, ev.Intent):
                recipient = sends.recipients[id_]
                right = (recipient.phone, recipient.name) == (PHONES[id_], NAMES[id_])
                tries.check(right, f"{id_} is written to as somebody else: {story}")
                received.append(recipient.phone or "")
                ledger.note(ev.Result(1, id_, Outcome.ACCEPTED))
        tries.check(sends.tally().todo == 0, f"somebody is still to do: {story}")
    finally:
        await ledger.close()
    tries.nobody_twice(received, story)
    return received, disk


def _spoilt(data: bytes) -> Iterator[tuple[str, bytes]]:
    yield "no line", b""
    yield "zeros", bytes(len(data))
    for cut in range(0, len(data), 3):
        yield f"torn at byte {cut}", data[:cut]
    for place in range(0, len(data) - 1, 2):
        yield f"changed at byte {place}", data[:place] + bytes([data[place] ^ 0x04]) + data[place + 1 :]
    listed = read(data[:-1])
    assert listed is not None
    first, second, third = listed.people
    for what, people in (
        ("phones exchanged", (Person("c1", "João", second.phone), Person("c2", "Maria", first.phone), third)),
        ("another's phone", (Person("c1", "João", "5561988887777"), second, third)),
        ("a phone for all", tuple(Person(p.id, p.name, first.phone) for p in listed.people)),
        ("a number that is none", (Person("c1", "João", ""), second, third)),
        ("somebody missing", (first, second)),
        ("somebody twice", (first, Person("c1", "João", second.phone), second, third)),
    ):
        yield what, Listed(listed.plan, listed.at, people).dump()


async def _files(tries: Tries, files: Files) -> None:
    everybody, _ = await resumed(tries, files, "nothing happened")
    tries.check(everybody == list(PHONES.values()), "nothing happened, and not all are told")
    gone, _ = await resumed(tries, {n: d for n, d in files.items() if n != PEOPLE}, "no file")
    tries.check(gone == [], "no file, and somebody is told")
    for what, data in _spoilt(files[PEOPLE]):
        tries.images += 1
        _, disk = await resumed(tries, {**files, PEOPLE: data}, what)
        again, _ = await resumed(tries, disk.left, f"{what}, started again")
        tries.check(again == [], f"{what}, and started again somebody is told once more")
        tries.check(verify(DATA, disk, full=True).ok, f"the ledger is not whole: {what}")


async def _keys(tries: Tries, files: Files) -> None:
    keys = [SECRET[:cut] for cut in range(64)]
    keys += [SECRET[:at] + bytes([SECRET[at] ^ 0x01]) + SECRET[at + 1 :] for at in range(64)]
    for data in (None, b"cd" * 32 + b"\n", *keys):
        tries.images += 1
        spoilt = {name: kept for name, kept in files.items() if name != "people.key"}
        spoilt |= {} if data is None else {"people.key": data}
        received, disk = await resumed(tries, spoilt, "another key")
        tries.check(received == [], "somebody is told by another key")
        tries.check(disk.left == spoilt, "something is written, and nobody knows who was told")


def _grep(files: Files, texts: Sequence[str]) -> list[str]:
    return [f"{text} in {name}" for name, data in files.items() for text in texts if text.encode() in data]


async def _forgotten(tries: Tries, files: Files) -> None:
    last, done = 0, False
    while not done:
        last += 1
        tries.runs += 1
        disk, story = Failing(files, last), f"forget, killed at step {last}"
        try:
            await forget(DATA, ZE, ANA, FakeClock(), disk)
            done = not disk.failed
        except StartupError:
            tries.kills += 1
        told, kept = await resumed(tries, disk.left, story)
        others = {phone for phone in PHONES.values() if phone != ZE.digits}
        tries.check(others <= set(told), f"others are lost: {story}")
        again = Failing(kept.left)
        await forget(DATA, ZE, ANA, FakeClock(), again)
        tries.check(not _grep(again.left, [ZE.digits, "João"]), f"they are found: {story}")
        tries.check(len(_grep(again.left, ["Maria", "Zélia"])) == 2, f"others are forgotten: {story}")
        tries.check(verify(DATA, again, full=True).ok, f"the ledger is not whole: {story}")
        book = scan(again, DATA).book
        held = KEY.person(ZE.digits) in book.contacts
        tries.check(held or ZE.digits not in told, f"nobody holds them back: {story}")
        lines = again.left[SEGMENT].count(b'"kind":"person_forgotten"')
        tries.check(lines >= 1, f"no line says that they were forgotten: {story}")


async def _another_phone(tries: Tries) -> None:
    """Under a phone that they had before, too."""
    disk = Failing({"people.key": SECRET})
    ledger = FileLedger.open(DATA, FakeClock(), disk)
    await ledger.commit(adds(ev.CaseOpened(1, incident(1)), ev.Approved(1, ANA, (port(),))))
    before = Recipient("c1", "João", ("Zc1",), "5561988887777")
    await ledger.commit(adds(ev.Planned(1, 1, (before,)), ev.Settled(1, "done"), ev.Approved(1, ANA, ())))
    await ledger.commit(adds(ev.Planned(1, 1, PLAN)))
    await ledger.close()
    await forget(DATA, ZE, ANA, FakeClock(), disk)
    tries.check(not _grep(disk.left, ["João", "5561988887777"]), "an earlier phone of theirs is kept")


async def _without_a_phone(tries: Tries) -> None:
    """Where the month that had it is gone, and where their ONU had no customer yet."""
    disk, clock = Failing({"people.key": SECRET}), FakeClock()
    ledger = FileLedger.open(DATA, clock, disk)
    for number, recipients in enumerate(
        (
            PLAN,
            (Recipient("c1", "João", ("Zc1",), None, Skip.LANDLINE), PLAN[1]),
            (PLAN[2], Recipient("r1", "João da ONU", ("Zc1",), None, Skip.NO_RECORD)),
        ),
        1,
    ):
        await ledger.commit(
            adds(ev.CaseOpened(number, incident(number)), ev.Approved(number, ANA, (port(),)))
        )
        await ledger.commit(adds(ev.Planned(number, 1, recipients), ev.Settled(number, "done")))
        clock.time += timedelta(days=31)
    await ledger.close()
    del disk.files[PEOPLE]
    await forget(DATA, ZE, ANA, clock, disk)
    tries.check(not _grep(disk.left, ["João"]), "a name without a phone is kept")
    tries.check(len(_grep(disk.left, ["Maria", "Zélia"])) == 2, "others are forgotten with it")


async def _upgraded(tries: Tries) -> None:
    image, _ = written(GROUPS)
    old = {f"ledger/{name}": data for name, data in image.items()}
    whole = Failing({**old, "people.key": SECRET})
    upgrade(DATA, LATER, whole)
    good = {name: data for name, data in whole.left.items() if name.startswith("ledger/")}
    last, done = 0, False
    while not done:
        last += 1
        tries.runs += 1
        disk, story = Failing({**old, "people.key": SECRET}, last), f"upgrade, killed at step {last}"
        try:
            upgrade(DATA, LATER, disk)
            done = not disk.failed
        except StartupError:
            tries.kills += 1
        there = Failing(disk.left)
        if not done:
            await _refused(tries, there, story)
        upgrade(DATA, LATER, there)
        now = {name: data for name, data in there.left.items() if name.startswith("ledger/")}
        tries.check(now == good, f"another ledger: {story}")
        kept = {n.partition("/")[2]: d for n, d in there.left.items() if n.startswith("before-upgrade")}
        tries.check(kept == old, f"the copy is not what there was: {story}")
        tries.check(not [n for n in there.left if n.startswith("upgrading/")], f"something is left: {story}")
        people, found = known(there, DATA), scan(there, DATA)
        tries.check(people is not None and not people.fill(found.book), f"people are lost: {story}")


async def _refused(tries: Tries, disk: Failing, story: str) -> None:
    """A start on half an upgrade."""
    before = disk.left
    try:
        await FileLedger.open(DATA, FakeClock(LATER), disk).close()
    except StartupError as error:
        tries.check("ledger upgrade" in str(error), f"a start says {error}: {story}")
    else:
        tries.check(False, f"a start on half an upgrade: {story}")
    tries.check(disk.left == before, f"a start changes half an upgrade: {story}")


async def _attack(tries: Tries) -> None:
    files = await planned()
    lines = {SEGMENT: files[SEGMENT]}
    tries.check(not _grep(lines, [*NAMES.values(), *PHONES.values()]), "a line has names or phones")
    await _files(tries, files)
    await _keys(tries, files)
    await _forgotten(tries, files)
    await _another_phone(tries)
    await _without_a_phone(tries)
    await _upgraded(tries)


def attack(tries: Tries, folder: Path) -> None:
    """All of it, in memory."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with capture_logs():
            asyncio.run(_attack(tries))
    finally:
        logging.disable(before)
    assert not list(folder.iterdir()), "nothing of it was on the real disk"


def test_personal(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)
