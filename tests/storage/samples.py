"""Lines to put into a ledger, and short ways to write them."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.domain import life
from bot.domain import lines as ln
from bot.domain.book import Book
from bot.domain.causes.correlation import Grouping, Reason
from bot.domain.events.trials import TrialIntent, TrialResult
from bot.domain.incident import Kind
from bot.domain.plan import Facts, Outcome, Recipient, Size, Skip
from bot.ports import Write
from tests.fakes import ANA, BRUNO, NOON, incident, port

SEGMENT = "2026-11.jsonl"

PLAN = (
    Recipient("c1", 'João d\'Ávila "Zé"', ("ZTEG00000001", "ZTEG00000002"), "5561999990001"),
    Recipient("c2", "Maria", ("ZTEG00000003",), "5561999990002"),
    Recipient("c3", "Sem telefone", ("ZTEG00000004",), None, Skip.NO_PHONE),
)

GROUPING = Grouping(Reason.SLOT, 2, 16, 1, "6", 30, 0.95)
MIXED = (Recipient("c1", "Zé", ("ZTEG1",), "5561999990001", None, ("3:6/15", "3:6/16"), Kind.POWER),)

EVERY_KIND: tuple[ln.Line, ...] = (
    ln.Started("0.1.0"),
    ln.Stopped(),
    ln.Alive(),
    ln.Alive(heard=False),
    ln.Confirmed(ANA),
    ln.CaseOpened(1, incident()),
    ln.IncidentChanged(1, incident(affected=None)),
    ln.IncidentEnded(1, "ignored"),
    ln.CardPosted(1, -1001234567890, 77),
    ln.Approved(1, ANA, (port(), port("6/16")), dry_run=True),
    ln.Denied(1, BRUNO, 'linha\nnova "aspas" \u2028 ção 🙂'),
    ln.Cancelled(1, ANA),
    ln.Planned(1, 4, PLAN),
    ln.Intent(1, "c1"),
    ln.Result(1, "c1", Outcome.UNKNOWN, None, "read timeout"),
    ln.StopAsked(1, BRUNO),
    ln.Resumed(1),
    ln.Abandoned(1, "c501"),
    ln.Spared(1, "c502"),
    ln.Interrupted(1),
    ln.Interrupted(1, "sem autorizacao", "key"),
    ln.Settled(1, "halted", "bad key", None, "key"),
    ln.Resolved(1, ("c1",), "call", ANA),
    ln.Resent(1, ("c1", "c2"), BRUNO),
    ln.Evidence(1, "c1"),
    ln.Evidence(1, "c1", "4711", NOON, "Entregue"),
    ln.CooldownReleased(port(), ANA, "cliente pediu"),
    ln.TapRefused(BRUNO, "approve", "not_approver"),
    ln.GroupMoved(-5, -1005),
    ln.CaseOpened(2, incident(2), (incident(3, place="6/16"),), GROUPING, follows=1),
    ln.CaseOpened(3, incident(4), apart=2),
    ln.Started("0.1.0", "views"),
    ln.Confirmed(ANA, NOON),
    ln.IncidentEnded(2, "gone", "3"),
    ln.Approved(
        2, ANA, (port(),), mixed=True, left_out=(port("6/16"),), despite=("flapping",), due=NOON, first=BRUNO
    ),
    ln.Planned(2, 2, MIXED, Facts(NOON, NOON, NOON, 'poste "caído"'), ("3",)),
    life.IncidentJoined(2, incident(5), GROUPING),
    life.Separated(2, ANA),
    life.Proposed(2, ANA, ("hours",), NOON),
    life.Proposed(2, ANA, asked=12, agreed=300),
    ln.Approved(2, ANA, (port(),), asked=12, agreed=300),
    ln.Settled(2, "unread", "grown", size=Size(300, 290, 12)),
    life.Begun(2),
    life.Restoring(-2, 2),
    life.Assumed(2, BRUNO),
    life.Lapsed(2, BRUNO),
    life.Untold(2, BRUNO),
    life.Reminded(2, "eta"),
    life.Forecast(2, ANA, NOON),
    life.CauseNamed(2, ANA, "poste", "equipe Norte"),
    life.DenialExplained(2, ANA, "obra da <distribuidora>"),
    life.Silenced(1, (life.Scope("CB 01", "6/15"), life.Scope("CB 02")), NOON, ANA, "troca de cabo"),
    life.SilenceEnded(1, BRUNO),
    life.DigestPosted(-1001234567890, 78),
    ln.Announced("MODO REAL · modelos 114, 116"),
    TrialIntent(1, "LOS", 114, "5561999990009", ANA),
    TrialResult(1, Outcome.REJECTED, None, "HSM inexistente"),
    life.Unasked(2, ANA),
)


def adds(*lines: ln.Line) -> Write:
    """A rule that adds these lines, whatever the state is."""

    def write(_book: Book, _now: datetime) -> Sequence[ln.Line]:
        return lines

    return write


def opened(number: int = 1) -> ln.CaseOpened:
    return ln.CaseOpened(number, incident(number))


def dispatch(number: int = 1) -> tuple[ln.Line, ...]:
    """A case up to its plan."""
    return (opened(number), ln.Approved(number, ANA, (port(),)), ln.Planned(number, 3, PLAN))


def rows(folder: Path, segment: str = SEGMENT) -> list[dict[str, Any]]:
    """The lines of a segment as anybody's JSON reader sees them."""
    text = (folder / "ledger" / segment).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")] if text else []
