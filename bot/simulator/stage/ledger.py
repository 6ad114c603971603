"""What the demo's counter has to know of the bot's ledger: which second messages a person ordered."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

KINDS = ("case_opened", "incident_joined", "planned", "resent")


def resends(folder: Path, phone: str, alert: int, *, restored: bool) -> int:
    """How often a person had a message of this phone about this alert sent again, as the ledger has it.

    ``restored``: the message that service is back. The line is durable before the send, so what reached the
    phone is on record.
    """
    people, about = _people(folder.parent / "people", phone), set[int]()
    recipients: dict[int, set[str]] = {}
    count = 0
    for line in _lines(folder):
        case = line["case"]
        match line["kind"]:
            case "case_opened":
                about |= {case} if str(alert) in _ids([line["incident"], *line.get("others", ())]) else set()
            case "incident_joined":
                about |= {case} if str(alert) in _ids([line["incident"]]) else set()
            case "planned":
                recipients[case] = people.get((case, line["at"]), set())
            case "resent" if abs(case) in about and (case < 0) == restored:
                count += len(recipients.get(case, set()) & set(line["recipients"]))
    return count


def _people(folder: Path, phone: str) -> dict[tuple[int, str], set[str]]:
    """Who of each plan has the phone, by case and time of the plan's line: lines themselves say no phone."""
    files = sorted(folder.glob("*.jsonl"))
    texts = (text for file in files for text in file.read_text(encoding="utf-8").splitlines())
    plans = (json.loads(text) for text in texts if text.endswith("}"))
    return {(p["case"], p["at"]): {id_ for id_, _, number in p["people"] if number == phone} for p in plans}


def _ids(incidents: list[dict[str, Any]]) -> set[str]:
    return {incident["id"] for incident in incidents}


def _lines(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of those kinds; one that is on its way is none yet."""
    for file in sorted(folder.glob("*.jsonl")):
        for text in file.read_text(encoding="utf-8", errors="replace").splitlines():
            if any(f'"{kind}"' in text for kind in KINDS) and text.endswith("}"):
                line = json.loads(text)
                if line["kind"] in KINDS:
                    yield line
