"""`python -m bot ledger verify`: whether the ledger is whole, and where it is not. Only reads."""

from dataclasses import dataclass
from pathlib import Path

from bot.storage.disk import Disk
from bot.storage.replay import Fault, Trouble, scan
from bot.storage.segments import Head, ledger_folder


@dataclass(frozen=True, slots=True)
class Report:
    """What was read. `head` is the end of the last whole group, `trouble` the first bad line if any is."""

    ledger: Path
    segments: int
    head: Head
    trouble: Trouble | None

    @property
    def ok(self) -> bool:
        """Whether nothing that was acknowledged is damaged.

        An incomplete last group passes: it is being written right now, or a crash cut it off before
        anybody was told that it is durable.
        """
        return self.trouble is None or self.trouble.fault is Fault.INCOMPLETE


def verify(folder: Path, disk: Disk | None = None) -> Report:
    """Read everything under `folder`/ledger and check it. Works while the bot runs. Raises OSError."""
    found = scan(disk or Disk(), folder)
    return Report(ledger_folder(folder), len(found.sizes), found.head, found.trouble)


def run_verify(folder: Path) -> tuple[int, str]:
    """The exit code (0 whole, 1 damaged or unreadable) and the text for the person who asked."""
    try:
        report = verify(folder)
    except OSError as error:
        return 1, f"{ledger_folder(folder)} cannot be read: {error.strerror}"
    if not report.segments:
        return 1, f"{report.ledger} has no ledger: is DATA_DIR right?"
    return (0 if report.ok else 1), _text(report)


def _text(report: Report) -> str:
    head, trouble = report.head, report.trouble
    good = [
        f"{report.ledger}: {report.segments} segments read, {head.seq} good lines in {head.group} groups",
        f"head: {head.digest} (sha256 of line {head.seq}, {head.at:%Y-%m-%dT%H:%M:%SZ})",
    ]
    if trouble is None:
        return "\n".join([*good, "whole: sequence, chain, groups and checksums agree"])
    place = f"{report.ledger / trouble.segment}, line {trouble.line}, byte {trouble.offset}"
    return "\n".join([*good, f"first bad line: {place}: {trouble.what}", _judgement(trouble)])


def _judgement(trouble: Trouble) -> str:
    if trouble.fault is Fault.INCOMPLETE:
        return (
            "incomplete last group: it is being written now, or a crash tore it; the next start moves it "
            "to ledger/quarantine and goes on"
        )
    if trouble.fault is Fault.TORN:
        return (
            "torn tail: 0 good groups follow; the next start moves the last group to ledger/quarantine "
            "and goes on"
        )
    return (
        f"corruption: {trouble.later} good groups follow; the bot decides and sends nothing until the "
        "file is brought back from a backup"
    )
