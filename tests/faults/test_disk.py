"""Every crash point, every disk image: the ledger and the sending over a disk that loses what it may lose.

The lives are in `disk_lives`. Here they end: the power goes, or the process is killed and the power goes
later, or the disk fails; and again while the next life recovers.
"""

import asyncio
import errno
import logging
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from unittest.mock import patch

import pytest
from structlog.testing import capture_logs

from bot.storage import files
from bot.storage.people.key import key_of
from tests.fakes import NOON
from tests.faults.disk_image import Snapshot
from tests.faults.disk_lives import Left, Life, Photo
from tests.faults.sim_disk import Trouble
from tests.faults.sim_time import LeapLoop
from tests.faults.tries import Tries

pytestmark = pytest.mark.attack

NEW_MONTH = datetime(2026, 12, 1, tzinfo=UTC)


def after(photos: Sequence[Photo], rng: random.Random) -> list[Left]:
    """What a power cut at each of these moments may leave, each once, what was in flight arrived or not."""
    found: dict[object, Left] = {}
    for photo in photos:
        for ruin, disk in photo.left.disk.ruins(rng):
            for arrived in _arrivals(photo.flying, rng):
                story = f"{photo.left.story}; cut {photo.what}, {ruin}, {len(arrived)} arrived"
                found[disk.key(), photo.left.received, arrived] = _later(photo, rng, story, disk, arrived)
    return list(found.values())


def killed(photos: Sequence[Photo], rng: random.Random) -> list[Left]:
    """What a kill of the process at each of these moments leaves: the system still knows unsynced parts."""
    return [
        _later(photo, rng, f"{photo.left.story}; killed {photo.what}", photo.left.disk, photo.flying)
        for photo in photos
        if photo.left.disk.unsynced or any(file.pending for file in photo.left.disk.files.values())
    ]


def _later(photo: Photo, rng: random.Random, story: str, disk: Snapshot, arrived: tuple[str, ...]) -> Left:
    at = photo.left.at + timedelta(seconds=rng.choice((0.5, 2.0, 1000.0, 7200.0)))
    received = photo.left.received + arrived
    ruined = disk.key() != photo.left.disk.key()
    return replace(photo.left, at=at, disk=disk, received=received, ruined=ruined, story=story)


def _arrivals(flying: tuple[str, ...], rng: random.Random) -> list[tuple[str, ...]]:
    some = tuple(phone for phone in flying if rng.random() < 0.5)
    return list(dict.fromkeys(((), flying, some)))


class Attack:
    """Lives, one after the other, on one loop whose time leaps."""

    def __init__(self, tries: Tries, runner: asyncio.Runner, seed: int) -> None:
        self.tries, self.runner, self.seed = tries, runner, seed
        self.rng = random.Random(seed)  # noqa: S311

    def live(self, left: Left, *, watched: bool = False, trouble: Trouble | None = None) -> Life:
        life = Life(left, self.rng.randrange(10**6), self.tries, watched=watched, trouble=trouble)
        self.runner.run(life.run())
        return life

    def crash(self, photos: Sequence[Photo], most: int | None = None) -> Iterator[Left]:
        found = after(photos, self.rng)
        self.rng.shuffle(found)
        for left in found[:most]:
            self.tries.kills += 1
            self.tries.images += left.ruined
            yield left

    def kill(self, photos: Sequence[Photo], most: int) -> Iterator[Left]:
        found = killed(photos, self.rng)
        for left in self.rng.sample(found, min(most, len(found))):
            self.tries.kills += 1
            yield left

    def beginning(self) -> Left:
        """Noon, or with every second seed some seconds before a new month."""
        late = NEW_MONTH - timedelta(seconds=self.rng.uniform(0.1, 3.0))
        return Left(late if self.seed % 2 else NOON)

    def cut(self, most: int | None = None, every: int = 8, again: int = 12) -> None:
        """The power goes at each moment of a life; in one of `every` next lives it goes again."""
        life = self.live(self.beginning(), watched=True)
        for place, left in enumerate(self.crash(life.photos, most)):
            twice = place % every == 0
            second = self.live(left, watched=twice)
            for last in self.crash(second.photos, again):
                self.live(last)

    def kill_and_cut(self, kills: int = 8, again: int = 12) -> None:
        """The process is killed; later, before everything was synced again, the power goes."""
        life = self.live(self.beginning(), watched=True)
        for left in self.kill(life.photos, kills):
            second = self.live(left, watched=True)
            for last in self.crash(second.photos, again):
                self.live(last)

    def fail(self, again: int = 4) -> None:
        """Each step of the disk fails once, the program goes on without it, and then the power goes."""
        whole = self.live(self.beginning())
        for step in range(1, whole.disk.steps + 1):
            code = self.rng.choice((errno.EIO, errno.ENOSPC))
            trouble = Trouble(step, code, self.rng.random())
            life = self.live(whole.left, watched=True, trouble=trouble)
            self.tries.faults += 1
            begun = next((i for i, photo in enumerate(life.photos) if f"step {step} " in photo.what), 0)
            for left in self.crash(life.photos[begun:], again):
                self.live(left)


@contextmanager
def keyed(seed: int) -> Iterator[None]:
    """The same secret each time: else each play would be another."""
    made = random.Random(seed).randbytes  # noqa: S311
    with patch.object(files, "key_of", partial(key_of, made=made)):
        yield


@contextmanager
def stage(tries: Tries, seed: int) -> Iterator[Attack]:
    """A loop whose time leaps, and silence: what the code logs about the faults is not what is tested."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with capture_logs(), keyed(seed), asyncio.Runner(loop_factory=LeapLoop) as runner:
            yield Attack(tries, runner, seed)
    finally:
        logging.disable(before)


def attack(tries: Tries, folder: Path) -> None:
    for seed in range(1, 9):
        with stage(tries, seed) as on:
            on.cut(most=60, every=12, again=6)
            on.kill_and_cut(kills=4, again=6)
            on.fail(again=1)


def month_ends(tries: Tries, folder: Path) -> None:
    """A month that ends while results wait to be written with the next group: some lives in a hundred."""
    del folder
    for seed in range(200):
        with stage(tries, seed) as on:
            on.live(Left(NEW_MONTH - timedelta(seconds=on.rng.uniform(1.0, 1.6))))


def test_a_month_ends_in_mid_send(tries: Tries, tmp_path: Path) -> None:
    month_ends(tries, tmp_path)


def test_power_cut_at_every_step(tries: Tries) -> None:
    for seed in range(2):
        with stage(tries, seed) as on:
            on.cut()


@pytest.mark.bug("killed between write and sync, then a power cut: the ledger closed")
def test_killed_before_a_sync_and_power_cut_later(tries: Tries) -> None:
    for seed in range(20, 25):
        with stage(tries, seed) as on:
            on.kill_and_cut()


def test_each_step_of_the_disk_fails_and_the_power_goes(tries: Tries) -> None:
    for seed in range(40, 44):
        with stage(tries, seed) as on:
            on.fail()
