"""Whether the promises held for the real process: by what the gateway got, the ledger and the card."""

import asyncio
import re
from collections import Counter
from typing import Any

from bot.storage.commands.verify import run_verify
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


def judge_back(tries: Tries, site: Real, story: str) -> None:
    """Nobody heard twice that service is back, and none who was never warned; all are accounted for."""
    warned = {message.phone for message in site.hsm.received if message.hsm not in site.hsm.restored}
    heard = [message.phone for message in site.hsm.received if message.hsm in site.hsm.restored]
    tries.nobody_twice(heard, story)
    tries.check(set(heard) <= warned, f"some heard that it is back and were never warned: {story}")
    (plan, before), (back, outcomes) = _of(site, 1), _of(site, -1)
    due = {r["id"]: r["phone"] for r in back if r.get("skip") is None}
    tries.everybody_accounted_for((id_ for id_ in due if id_ not in outcomes), story)
    for id_, phone in due.items():
        right = outcomes[id_] in (REACHED if phone in heard else {"unknown", "failed"})
        tries.check(right, f"{id_} counts as {outcomes[id_]}, heard or not: {phone in heard}: {story}")
    accepted = {r["phone"] for r in plan if before.get(r["id"]) == "accepted"}
    tries.check(accepted == set(due.values()), f"{len(due)} of {len(accepted)} were to hear: {story}")


async def shut(tries: Tries, site: Real, story: str) -> None:
    """The ledger has closed, as it must: no send after it, and the card, the group and /healthz say so."""
    tries.faults += 1
    closed = await site.until(lambda: site.done() or site.said("Registro fechado"))
    tries.check(closed and not site.done(), f"the bot went on as if nothing had failed: {story}")
    async with asyncio.timeout(60):
        while await site.in_flight() or site.hsm.in_flight:  # noqa: ASYNC110 - what had left before, be it on its way
            await asyncio.sleep(0.01)
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


def _of(site: Real, case: int) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The plan of a case, and what is known of each in it."""
    lines = [line for line in site.lines() if line.get("case") == case]
    plans = [line["recipients"] for line in lines if line["kind"] == "planned"]
    return plans[-1] if plans else [], _outcomes(lines)


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
            case "evidence" if line.get("reference"):
                found[line["recipient"]] = "accepted"
    return found


def _as_counts(outcomes: dict[str, str]) -> dict[str, int]:
    counted = Counter(outcomes.values())
    words = {"enviada": "accepted", "recusada": "rejected", "falha": "failed", "incerta": "unknown"}
    return {word: counted[outcome] for word, outcome in words.items()}


def _counts(text: str) -> dict[str, int]:
    return {
        word: int(found[1]) if (found := re.search(rf"(\d+) {word}s?\b", text.partition("Envio")[2])) else 0
        for word in ("enviada", "recusada", "falha", "incerta")
    }
