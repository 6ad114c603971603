"""Real file systems that a test may fill and break; where mounting is not permitted the test is skipped."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[None]:
    """`folder`, made here, has so much room (`64k`)."""
    folder.mkdir(parents=True)
    _run("mount", "-t", "tmpfs", "-o", f"size={size},mode=700", "none", str(folder))
    try:
        yield
    finally:
        _run("umount", "-l", str(folder))


def resize(folder: Path, size: str) -> None:
    """A tmpfs has so much room from now on."""
    _run("mount", "-o", f"remount,size={size}", str(folder))


@contextmanager
def ext4(folder: Path) -> Iterator[None]:
    """`folder`, made here, is on a disk of its own, which an error makes read-only."""
    folder.mkdir(parents=True)
    image = folder.with_suffix(".img")
    with image.open("wb") as file:
        file.truncate(16 * 2**20)
    _run("mkfs.ext4", "-q", str(image))
    _run("mount", "-o", "loop,errors=remount-ro", str(image), str(folder))
    try:
        yield
    finally:
        _run("umount", "-l", str(folder))


def read_only(folder: Path) -> None:
    """What ext4 does by itself at an error of its disk."""
    device = Path(_run("findmnt", "-n", "-o", "SOURCE", str(folder)).strip()).name
    Path(f"/sys/fs/ext4/{device}/trigger_fs_error").write_text("an error on purpose", encoding="utf-8")


def mounted_again(folder: Path) -> None:
    """As after a restart of the machine: the journal is read, the file system is writable."""
    _run("umount", str(folder))
    _run("mount", "-o", "loop,errors=remount-ro", str(folder.with_suffix(".img")), str(folder))


def _run(*command: str) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    except FileNotFoundError:
        pytest.skip(f"{command[0]} is not installed")
    except subprocess.CalledProcessError as error:
        pytest.skip(f"{' '.join(command[:4])}: {error.stderr.strip()}")
    return done.stdout
