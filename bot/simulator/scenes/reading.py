"""What scenes read on a card: its words in both languages, its counts, and what its buttons do."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.simulator.telegram.api import Message

# How the bot's callback data begin (`action:case:argument`): the words on a button depend on the language.
APPROVE, BEGIN, ASSUME, ASK_ETA, ETA, RESTORE, MORE = "ok", "begin", "mine", "eta?", "eta", "up", "more"
DETAILS = "who"


@dataclass(frozen=True)
class Words:
    """What a card says or a tap is answered, as far as scenes look at it."""

    counts: Sequence[str]  # accepted, rejected, failed, unknown, skipped
    done: str
    nobody: str
    normalised: str
    over: str
    taken: str  # a later tap is told who was first
    second: str  # and the same person's second tap, that it takes another
    flapping: str
    received: str  # behind numbers, as the counts
    undelivered: str
    by_name: str  # a button of the details
    wants_none: str
    left: str
    blocked: str  # behind numbers, why they are left out
    cancelled: str


WORDS = {
    "pt": Words(
        ("enviada", "recusada", "falha", "incerta", "não enviada"),
        "Envio concluído",
        "Ninguém foi avisado",
        "Normalizado",
        "falha já acabou",
        "aprovou",
        "Falta outra pessoa",
        "Oscilando",
        "entregue",
        "não entregue",
        "Não entregues ({})",
        "para não receber",
        "Faltam {} clientes",
        "bloqueado",
        "cancelado",
    ),
    "en": Words(
        ("sent", "rejected", "failed", "in doubt", "not sent"),
        "Sending finished",
        "Nobody was told",
        "Back to normal",
        "outage is over",
        "approved",
        "Another person has to",
        "Flapping",
        "delivered",
        "not delivered",
        "Not delivered ({})",
        "asked for no messages",
        "{} customers left",
        "blocked",
        "cancelled",
    ),
}


@dataclass(frozen=True)
class Counts:
    """The line of counts at the end of a card."""

    accepted: int
    rejected: int
    failed: int
    unknown: int
    skipped: int

    @property
    def total(self) -> int:
        """Everybody on the plan."""
        return self.accepted + self.rejected + self.failed + self.unknown + self.skipped


def can_approve(card: Message) -> bool:
    """Whether the card has the button, or asks on whose terms."""
    return any(data.startswith(f"{APPROVE}:") for data in _data(card))


def data_of(card: Message, action: str, argument: str = "") -> str | None:
    """The callback data of the card's button that does this; None where it has none."""
    return next((data for data in _data(card) if data.split(":", 2)[::2] == [action, argument]), None)


def case_of(card: Message) -> str:
    """The number of the card's case, as a person types it; empty where its buttons are of none."""
    return next((data.split(":")[1] for data in _data(card)), "")


def count(card: Message, word: str) -> int:
    """The number in front of this word in the line of counts; 0 where there is none.

    What came of an earlier try has a line with a word in front.
    """
    found = re.search(rf"^(?:[0-9.,]+ [^·:\n]+ · )*([0-9.,]+) {word}", card.text, re.MULTILINE)
    return int(re.sub(r"\D", "", found[1])) if found else 0


def mentioned(message: Message) -> set[int]:
    """The ids of the people whom the message mentions."""
    return {entity["user"]["id"] for entity in message.entities if entity["type"] == "text_mention"}


def linked(message: Message) -> set[str]:
    """Where the links in the message lead."""
    return {entity["url"] for entity in message.entities if entity["type"] == "text_link"}


def _data(card: Message) -> list[str]:
    return [button.data for row in card.keyboard for button in row if button.data]
