"""Lines to put into a ledger, and short ways to write them."""

import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from bot.domain import events as ev
from bot.domain.book import Book
from bot.domain.causes.correlation import Grouping, Reason
from bot.domain.events import TrialIntent, TrialResult
from bot.domain.incident import Kind
from bot.domain.limits.silence import Scope
from bot.domain.limits.templates import Trouble
from bot.domain.plan import Facts, Outcome, Recipient, Size, Skip
from bot.ports import Write
from bot.storage.views import Counts, decision
from tests.fakes import ANA, BRUNO, NOON, incident, port

SEGMENT = "2026-11.jsonl"

PLAN = (
    Recipient("c1", 'João d\'Ávila "Zé"', ("ZTEG00000001", "ZTEG00000002"), "5561999990001"),
    Recipient("c2", "Maria", ("ZTEG00000003",), "5561999990002"),
    Recipient("c3", "Sem telefone", ("ZTEG00000004",), None, Skip.NO_PHONE),
)

GROUPING = Grouping(Reason.SLOT, 2, 16, 1, "6", 30, 0.95)
MIXED = (Recipient("c1", "Zé", ("ZTEG1",), "5561999990001", None, ("3:6/15", "3:6/16"), Kind.POWER),)

EVERY_KIND: tuple[ev.Line, ...] = (
    ev.Started("0.1.0"),
    ev.Stopped(),
    ev.Alive(),
    ev.Alive(heard=False),
    ev.Confirmed(ANA),
    ev.CaseOpened(1, incident()),
    ev.IncidentChanged(1, incident(affected=None)),
    ev.IncidentEnded(1, "ignored"),
    ev.CardPosted(1, -1001234567890, 77),
    ev.Approved(1, ANA, (port(), port("6/16")), dry_run=True),
    ev.Denied(1, BRUNO, 'linha\nnova "aspas" \u2028 ção 🙂'),
    ev.Cancelled(1, ANA),
    ev.Planned(1, 4, PLAN),
    ev.Intent(1, "c1"),
    ev.Intent(1, "c1", NOON),
    ev.Result(1, "c1", Outcome.UNKNOWN, None, "read timeout"),
    ev.StopAsked(1, BRUNO),
    ev.Resumed(1),
    ev.Abandoned(1, "c501"),
    ev.Spared(1, "c502"),
    ev.Interrupted(1),
    ev.Interrupted(1, "sem autorizacao", "key"),
    ev.Settled(1, "halted", "bad key", None, "key"),
    ev.Resolved(1, ("c1",), "call", ANA),
    ev.Resent(1, ("c1", "c2"), BRUNO),
    ev.Evidence(1, "c1"),
    ev.Evidence(1, "c1", "4711", NOON, "Entregue"),
    ev.CooldownReleased(port(), ANA, "cliente pediu"),
    ev.TapRefused(BRUNO, "approve", "not_approver"),
    ev.GroupMoved(-5, -1005),
    ev.CaseOpened(2, incident(2), (incident(3, place="6/16"),), GROUPING, follows=1),
    ev.CaseOpened(3, incident(4), apart=2),
    ev.Started("0.1.0", "views"),
    ev.Confirmed(ANA, NOON),
    ev.IncidentEnded(2, "gone", "3"),
    ev.Approved(
        2, ANA, (port(),), mixed=True, left_out=(port("6/16"),), despite=("flapping",), due=NOON, first=BRUNO
    ),
    ev.Planned(2, 2, MIXED, Facts(NOON, NOON, NOON, 'poste "caído"'), ("3",)),
    ev.IncidentJoined(2, incident(5), GROUPING),
    ev.Separated(2, ANA),
    ev.Proposed(2, ANA, ("hours",), NOON),
    ev.Withdrawn(2, ANA),
    ev.Proposed(2, ANA, asked=12, agreed=300),
    ev.Approved(2, ANA, (port(),), asked=12, agreed=300),
    ev.Settled(2, "unread", "grown", size=Size(300, 290, 12)),
    ev.Begun(2),
    ev.Restoring(-2, 2),
    ev.Assumed(2, BRUNO),
    ev.Lapsed(2, BRUNO),
    ev.Untold(2, BRUNO),
    ev.Reminded(2, "eta"),
    ev.Forecast(2, ANA, NOON),
    ev.CauseNamed(2, ANA, "poste", "equipe Norte"),
    ev.DenialExplained(2, ANA, "obra da <distribuidora>"),
    ev.Silenced(1, (Scope("CB 01", "6/15"), Scope("CB 02")), NOON, ANA, "troca de cabo"),
    ev.SilenceEnded(1, BRUNO),
    ev.SilenceWarned(1),
    ev.DigestPosted(-1001234567890, 78),
    ev.HandedOver(NOON),
    ev.Announced("MODO REAL · modelos 114, 116"),
    TrialIntent(1, "LOS", 114, "(61) 9****-0009", ANA),
    TrialIntent(2, "POWER", "aviso_energia", "(61) 9****-0009", ANA),
    TrialResult(1, Outcome.REJECTED, None, "HSM inexistente"),
    ev.Unasked(2, ANA),
    ev.OptedOut("M0m1cL3yZQy6n5i2bQ9d", "pediu por <telefone>", ANA),
    ev.OptedIn("M0m1cL3yZQy6n5i2bQ9d", BRUNO),
    ev.Listed(("M0m1cL3y", "M0m1cL3z"), ("M0m1cL30",)),
    ev.OptedOut("Xq2b9m1cL3yZQy6n5i2b", "mudou-se", BRUNO),
    ev.PersonForgotten("M0m1cL3yZQy6n5i2bQ9d", 3, ANA),
    ev.PersonShown("M0m1cL3yZQy6n5i2bQ9d", ANA),
    ev.Received(1, ("c1",)),
    ev.Read(1, ("c1", "c2")),
    ev.Undelivered(1, ("c2",), "wa_131026"),
    ev.Received(-2, ("c1",), 2),
    ev.TemplateJudged("LOS", "aviso", Trouble("variables", "1, 2", "1")),
    ev.TemplateJudged("LOS", "aviso", Trouble("quality", holds=False), again=True),
    ev.TemplateJudged("LOS", "aviso"),
    ev.LimitTold(250),
    ev.LimitTold(),
    ev.Proposed(2, ANA, asked=12, most=187),
    ev.Approved(2, ANA, (port(),), asked=415, most=187),
    TrialIntent(3, "LOS", 114, "(61) 9****-0009", ANA, "M0m1cL3yZQy6n5i2bQ9d"),
    ev.SettingsChanged(
        ANA, (ev.Change("CUSTOMER_HOURS", "08:00-21:00", ""), ev.Change("HSM_RATE", "auto", "5"))
    ),
    ev.Upgraded("0" * 64, 12, "0123456789ab"),
    ev.PageOpened(ANA, "now", 2),
)


def adds(*lines: ev.Line) -> Write:
    """A rule that adds these lines, whatever the state is."""

    def write(_book: Book, _now: datetime) -> Sequence[ev.Line]:
        return lines

    return write


def opened(number: int = 1) -> ev.CaseOpened:
    return ev.CaseOpened(number, incident(number))


def dispatch(number: int = 1) -> tuple[ev.Line, ...]:
    """A case up to its plan."""
    return (opened(number), ev.Approved(number, ANA, (port(),)), ev.Planned(number, 3, PLAN))


def rows(folder: Path, segment: str = SEGMENT) -> list[dict[str, Any]]:
    """The lines of a segment as anybody's JSON reader sees them."""
    text = (folder / "ledger" / segment).read_text(encoding="utf-8")
    return [json.loads(line) for line in text.removesuffix("\n").split("\n")] if text else []


def decided(book: Book, hours: float) -> list[dict[str, Any]]:
    """Every decision, refusal and override, newest last: as `audit.json` has them."""
    counts: Counts = {}
    return [decision(book, entry, hours, counts) for entry in book.audit]
