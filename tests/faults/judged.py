"""Whether the promises held for the real process: by what the gateway got, the ledger and the card."""

import re
from collections import Counter
from typing import Any

from bot.storage.verify import run_verify
from tests.faults.real import Real
from tests.faults.tries import Tries

REACHED = {"accepted", "unknown"}


def judge(tries: Tries, site: Real, story: str) -> None:
    """The promises, with the gateway as the witness. To be called after `Real.finish`."""
    received = [message.phone for message in site.hsm.received]
    tries.nobody_twice(received, story)
    plan = [line for line in site.lines() if line["kind"] == "planned"][-1]["recipients"]
    outcomes = _outcomes(site.lines())
    tries.everybody_accounted_for((r["id"] for r in plan if r["id"] not in outcomes), story)
    tries.check(len(plan) == site.customers, f"{len(plan)} of {site.customers} are in the plan: {story}")
    for recipient in plan:
        told, outcome = recipient["phone"] in received, outcomes[recipient["id"]]
        tries.check(
            outcome in (REACHED if told else {"unknown", "failed"}),
            f"{recipient['id']} was {'told' if told else 'not told'} and counts as {outcome}: {story}",
        )
    tries.check(_counts(site.card()) == _as_counts(outcomes), f"the card's counts differ: {story}")
    code, said = run_verify(site.data)
    tries.check(code == 0, f"ledger verify: {said}: {story}")


async def shut(tries: Tries, site: Real, story: str) -> None:
    """The ledger has closed, as it must: no send after it, and the card, the group and /healthz say so."""
    tries.faults += 1
    closed = await site.until(lambda: site.done() or site.said("Registro fechado"))
    tries.check(closed and not site.done(), f"the bot went on as if nothing had failed: {story}")
    await site.until(lambda: site.hsm.in_flight == 0)
    asked = len(site.hsm.requests)
    status, wrong = await site.health()
    tries.check(status == 503 and "ledger" in wrong, f"/healthz says {status}, {wrong}: {story}")
    closed = await site.until(lambda: "Registro fechado" in site.card() and site.told())
    tries.check(closed, f"the card says {site.card()!r}: {story}")
    await site.more_polls(2)
    tries.check(len(site.hsm.requests) == asked, f"a send left after the ledger had closed: {story}")
    site.hands.clear()
    code = await site.stop()
    tries.check(code == 0, f"it stopped with {code}: {story}")


def _outcomes(lines: list[dict[str, Any]]) -> dict[str, str]:
    """What is known of each recipient in the end; an intent without a result is unknown."""
    found: dict[str, str] = {}
    for line in lines:
        match line["kind"]:
            case "intent":
                found[line["recipient"]] = "unknown"
            case "result":
                found[line["recipient"]] = line["outcome"]
            case "abandoned":
                del found[line["recipient"]]
            case "evidence" if line["reference"]:
                found[line["recipient"]] = "accepted"
    return found


def _as_counts(outcomes: dict[str, str]) -> dict[str, int]:
    counted = Counter(outcomes.values())
    words = {"enviada": "accepted", "recusada": "rejected", "falha": "failed", "incerta": "unknown"}
    return {word: counted[outcome] for word, outcome in words.items()}


def _counts(text: str) -> dict[str, int]:
    return {
        word: int(found[1]) if (found := re.search(rf"(\d+) {word}s?\b", text.partition("Envio")[2])) else -1
        for word in ("enviada", "recusada", "falha", "incerta")
    }
