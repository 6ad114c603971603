"""Attack 7: what can happen to the files of a ledger, and what a start, `verify` and `repair` make of it.

What is allowed, for an image made from acknowledged groups 1 to n:

- closed: nothing is decided, written or moved; or
- open with all n groups; or
- open with the first k < n groups, everything behind them put aside byte for byte, and only where all of that
  could be one torn write, which was possibly never acknowledged: nothing in it shows a group after k + 1.
  A cut at the end and a last group that was damaged are such images; the file alone cannot tell them from a
  crash. (A ledger that lost many groups so is old: see `Book.unconfirmed`.)
"""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from bot.domain import events as ev
from bot.errors import LedgerClosed
from bot.storage.commands.repair import repair
from bot.storage.commands.verify import verify
from bot.storage.files import FileLedger
from bot.storage.kept import Views
from bot.storage.replay import Fault, Scan, scan
from tests.fakes import ANA, FakeClock
from tests.faults.damage import (
    crc_made_good,
    cuts,
    files_changed,
    flips,
    lines_moved,
    misplaced,
    nuls,
    older,
    other_versions,
    two_at_once,
)
from tests.faults.images import BEGAN, DATA, GROUPS, Held, Image, Ledger, after, intact, ledger, traces
from tests.faults.tries import Tries
from tests.storage.samples import adds, decided

pytestmark = pytest.mark.attack

UNREAD = {f"unknown {what}: written by a newer version?" for what in ("kind", "field")}
WRITE_ON = 11  # every so many images that open are written to and opened again


class Attack:
    """Images of one ledger, each started on, verified and repaired."""

    def __init__(self, tries: Tries, whole: Ledger) -> None:
        self.tries, self.whole = tries, whole
        self.n = len(whole.raw)
        self.books = [vars(book) for book in whole.books]
        self.tried = 0

    async def on(
        self, images: Iterable[tuple[str, Image]], *, must_close: bool = False, repairs: int = 1
    ) -> None:
        """Try each image, and a repair on one of `repairs`; with `must_close`, the start must not open it."""
        for what, image in images:
            self.tried += 1
            self.tries.images += must_close or image != self.whole.image
            known = await self._start(what, image, must_close=must_close)
            if self.tried % repairs == 0:
                self._repair(what, image, known, foreign=must_close)

    async def _start(self, what: str, image: Image, *, must_close: bool) -> int:
        """How many groups the start kept, -1 where it stayed closed."""
        check, disk = self.tries.check, Held(image)
        report = verify(DATA, disk, full=True)
        quick, told = verify(DATA, disk), report.trouble and report.trouble.what
        unread = must_close and quick.ok and told in UNREAD  # it reads no field of older months
        check(quick == report or unread, f"verify says {quick.trouble}, verify --full {told}: {what}")
        opened = FileLedger.open(DATA, FakeClock(after(self.whole)), disk)
        self.tries.runs += 1
        try:
            if opened.closed is not None:
                fault = report.trouble and report.trouble.fault
                check(
                    fault is Fault.CORRUPT and not report.ok, f"verify says {fault}, the start closed: {what}"
                )
                place = f"{report.trouble.segment}, line {report.trouble.line} " if report.trouble else ""
                check(place in opened.closed, f"verify and the start name different lines: {what}")
                await self._nothing_decided(what, opened)
                check(disk.image() == image and not disk.shelf(), f"closed, and yet files changed: {what}")
                return -1
            check(not must_close, f"open: {what}")
            kept = self._kept(what, image, opened, disk)
            mended = None if report.trouble is None else report.trouble.fault
            check(mended is not Fault.CORRUPT, f"verify says corrupt, the start opened: {what}")
            moved = opened.recovery.quarantined
            check(
                (mended is None) == (moved == 0 and kept == self._visible(image)), f"verify: {mended}: {what}"
            )
            check(report.head.seq == opened.recovery.lines, f"verify and the start count differently: {what}")
            if self.tried % WRITE_ON == 0:
                await opened.commit(adds(ev.TapRefused(ANA, "approve", "late")))
        finally:
            await opened.close()
        if self.tried % WRITE_ON == 0:
            found = scan(disk, DATA)
            good = found.trouble is None and found.head.group == kept + 1
            check(good, f"what was written after the start is not whole: {what}")
        return kept

    def _visible(self, image: Image) -> int:
        """How many groups there are, where nothing but whole groups is there."""
        rows = [raw for data in image.values() for raw in data.splitlines()]
        sizes = [len(group) for group in self.whole.raw]
        return next((k for k in range(self.n + 1) if sum(sizes[:k]) == len(rows)), -1)

    async def _nothing_decided(self, what: str, closed: FileLedger) -> None:
        for line in (ev.Approved(1, ANA, ()), ev.Intent(1, "c1"), ev.Confirmed(ANA)):
            try:
                await closed.commit(adds(line))
            except LedgerClosed:
                continue
            self.tries.check(False, f"a closed ledger took {line.kind}: {what}")

    def _kept(self, what: str, image: Image, opened: FileLedger, disk: Held) -> int:
        """How many groups the book holds; nothing that was acknowledged may be missing or altered."""
        check, state = self.tries.check, vars(opened.book)
        kept = next((k for k in range(self.n, -1, -1) if state == self.books[k]), None)
        if kept is None:
            check(False, f"open with a book that never was: {what}")
            return 0
        data = b"".join(image[name] for name in sorted(image))
        left = sum(map(len, disk.image().values()))
        aside = disk.shelf()
        check(len(data) - left == sum(map(len, aside)), f"bytes are gone: {what}")
        check(opened.recovery.quarantined == sum(map(len, aside)), f"not all that was moved is told: {what}")
        check(all(part in data for part in aside), f"put aside other than it was: {what}")
        lost = {group for part in aside for group in traces(part) if group > kept + 1}
        check(not lost, f"open without groups {sorted(lost)} that were acknowledged: {what}")
        acknowledged = b"".join(raw + b"\n" for group in self.whole.raw[:kept] for raw in group)
        there = b"".join(part for _, part in sorted(disk.image().items()))
        check(there == acknowledged, f"the files hold something else than the book: {what}")
        return kept

    def _repair(self, what: str, image: Image, known: int, *, foreign: bool) -> None:
        check, disk = self.tries.check, Held(image)
        had = intact(self.whole, image)
        done = repair(DATA, FakeClock(after(self.whole)), disk=disk) if image else None
        if done is None:
            return
        found = scan(disk, DATA)
        if not done.changed:
            check(disk.image() == image and not disk.shelf(), f"repair changed something in silence: {what}")
            check(done.ok == (found.trouble is None), f"repair says {done.ok}: {what}")
            check(known == -1 or done.ok, f"a start mends what repair does not: {what}")
            complete = len(had) == len(self.whole.lines) and not foreign
            check(done.ok or not complete, f"every line is there, not repaired: {what}")
            return
        check(not foreign, f"repair changed what it does not understand: {what}")
        lost = {group for data in image.values() for group in traces(data) if group > found.head.group}
        check(known != -1 or not lost, f"repair gave up groups {sorted(lost)}: {what}")
        check(done.ok and found.trouble is None, f"changed, and not whole: {what}")
        check(
            disk.shelf() == [image[name] for name in sorted(done.changed)], f"no true copy was kept: {what}"
        )
        check(found.head.group >= known, f"repair left less than a start does: {what}")
        check(vars(found.book) == self.books[found.head.group], f"repair made another book: {what}")
        self._lines_kept(what, image, had, found, disk)
        again = repair(DATA, FakeClock(after(self.whole)), disk=disk)
        check(again.ok and not again.changed, f"a second repair finds something: {what}")

    def _lines_kept(self, what: str, image: Image, had: list[bytes], found: Scan, disk: Held) -> None:
        lost = set(had) - set(intact(self.whole, disk.image()))
        torn = set() if found.head.group == self.n else set(self.whole.raw[found.head.group])
        cut = scan(Held(image), DATA).trouble
        as_a_start_does = cut is not None and cut.fault is not Fault.CORRUPT
        fine = not lost or (as_a_start_does and lost <= torn)
        self.tries.check(fine, f"repair lost {len(lost)} intact lines: {what}")


def attack(tries: Tries, folder: Path) -> None:
    """Everything, the kinds with few images first."""
    asyncio.run(_attack(tries))
    assert not list(folder.iterdir()), "nothing of it was on the real disk"


async def _attack(tries: Tries) -> None:
    whole = ledger()
    shorter = ledger(GROUPS[:-1])
    one = Attack(tries, whole)
    await one.on([("nothing happened", whole.image)])
    for tried in (one, Attack(tries, shorter)):
        await tried.on(lines_moved(tried.whole.image))
        await tried.on(files_changed(tried.whole.image))
        await tried.on(nuls(tried.whole.image))
    await one.on(_forged(whole), must_close=True)
    await _versions(tries)
    await _views(tries, whole)
    await one.on(flips(whole.image), repairs=4)  # four, as each byte has three
    await one.on(cuts(whole.image), repairs=3)
    await one.on(two_at_once(whole.image, 400))


def _forged(whole: Ledger) -> Iterable[tuple[str, Image]]:
    """A line changed by somebody who gives it a good checksum: the chain tells, except on the last."""
    name = min(whole.image)
    lines = whole.image[name].splitlines()
    for place in range(len(lines)):
        forged = crc_made_good(lines[place].replace(b'"kind":', b'"kind" :', 1))
        rest = [*lines[:place], forged, *lines[place + 1 :]]
        yield f"line {place + 1} forged", {**whole.image, name: b"".join(raw + b"\n" for raw in rest)}


async def _versions(tries: Tries) -> None:
    for what, newer in (*other_versions(), *misplaced()):
        await Attack(tries, newer).on([(what, newer.image)], must_close=True)
    old = ledger(change=older)
    await Attack(tries, old).on([("an older version's lines", old.image)])


async def _views(tries: Tries, whole: Ledger) -> None:
    """Missing, garbage, or newer than the ledger: the ledger wins, and they are written anew."""
    newer = b'{"decisions": [{"what": "approved", "case": 9}]}\n'
    for what, files in (
        ("missing", {}),
        ("garbage", {"audit.json": b"\0garbage", "cooldown.json": b"{"}),
        ("newer", {"audit.json": newer, "cooldown.json": b'{"ports": [{"key": "CB 01:9/9"}]}\n'}),
    ):
        tries.images += 1
        tries.runs += 1
        disk, clock = Held(whole.image), FakeClock(after(whole))
        disk.files |= {name: bytearray(data) for name, data in files.items()}
        opened = FileLedger.open(DATA, clock, disk)
        tries.check(vars(opened.book) == vars(whole.books[-1]), f"views {what}: another book")
        kept = Views(DATA, opened, 24.0, clock, disk)
        await kept.start()
        await kept.close()
        await opened.close()
        written = disk.files["audit.json"].decode()
        rows = len(decided(whole.books[-1], 24.0))
        tries.check(written.count('"what"') == rows, f"views {what}: not written anew")
        tries.check("CB 01:9/9" not in disk.files["cooldown.json"].decode(), f"views {what}: believed")


def test_files(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)


def test_the_ledger_under_attack_is_the_one_that_the_bot_writes() -> None:
    """Two months, groups of one and of more lines, a dispatch; its book is complete."""
    whole = ledger()
    assert sorted(whole.image) == ["2026-11.jsonl", "2026-12.jsonl"]
    assert len(whole.books) == len(GROUPS) + 1
    assert len({repr(vars(book)["last_at"]) for book in whole.books[1:]}) == len(GROUPS)
    assert scan(Held(whole.image), DATA).trouble is None
    assert BEGAN.month != after(whole).month
