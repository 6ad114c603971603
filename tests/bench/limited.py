"""A limit on memory as a container has it: a control group of the kernel's."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

_GROUPS = Path("/sys/fs/cgroup")
_PLACES = ((_GROUPS / "memory", "memory.limit_in_bytes"), (_GROUPS, "memory.max"))


@dataclass(frozen=True, slots=True)
class Group:
    """Who is put in has so much memory together with the others in it, and is killed for more."""

    folder: Path

    def put(self, pid: int) -> None:
        """Count that process from now on."""
        (self.folder / "cgroup.procs").write_text(str(pid), "ascii")


@contextmanager
def limited(megabytes: int) -> Iterator[Group | None]:
    """A group with that limit; None where this user may make none."""
    group = next(filter(None, (_made(place, name, megabytes) for place, name in _PLACES)), None)
    try:
        yield group
    finally:
        if group is not None:
            with suppress(OSError):  # whoever was in it may just have ended
                group.folder.rmdir()


def _made(place: Path, name: str, megabytes: int) -> Group | None:
    folder = place / f"noc-bench-{os.getpid()}"
    try:
        folder.mkdir()
        (folder / name).write_text(str(megabytes * 2**20), "ascii")
    except OSError:
        with suppress(OSError):
            folder.rmdir()
        return None
    return Group(folder)
