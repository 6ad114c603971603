"""What the page is told, as JSON-able dicts: chat messages, WhatsApp messages, ports."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from bot.simulator.stage.gateways.base import STOP, Arrived
from bot.simulator.telegram.api import Message
from bot.simulator.world import Customer

MOBILE_DIGITS = 11


@dataclass(frozen=True)
class PortView:
    """A PON as the map shows it; ``alert`` is the id of its open alert."""

    olt: str
    slot: int
    pon: int
    onus: int
    state: Literal["ok", "los", "power"]
    alert: int | None

    @property
    def slot_pon(self) -> str:
        """The port as the OLT writes it, e.g. ``1/4``."""
        return f"{self.slot}/{self.pon}"


def message_view(message: Message) -> dict[str, Any]:
    """A chat message: plain text, and entities with UTF-16 offsets as the Bot API gives them to a client."""
    return {
        "id": message.id,
        "chat": message.chat,
        "text": message.shown or message.text,
        "entities": message.entities,
        "buttons": [[asdict(button) for button in row] for row in message.keyboard],
        "edited": bool(message.edits),
        "deleted": message.deleted,
        "date": message.date,
        "document": message.filename,
        "photo": message.photo,
        "size": len(message.document or b""),
        "sender": message.sender.id if message.sender else None,
        "sender_name": message.sender.name if message.sender else None,
        "ephemeral_for": message.ephemeral_for,
        "reply_to": message.reply_to,
        "silent": message.silent,
        "reactions": message.reactions,
    }


def whatsapp_view(message: Arrived, *, answered: bool) -> dict[str, Any]:
    """What a customer's phone shows; the number is a pretend one."""
    return {
        "phone": message.phone,
        "name": message.name,
        "text": message.text,
        "at": message.at.isoformat(),
        **receipt_view(message, answered=answered),
    }


def receipt_view(message: Arrived, *, answered: bool) -> dict[str, Any]:
    """How a message stands on its phone, and what the customer answered."""
    return {
        "id": message.id,
        "state": message.state,
        "why": message.why,
        "answer": STOP if answered else None,
    }


def mobile(customer: Customer) -> str | None:
    """A generated customer's number on WhatsApp (55...); None: landlines, or no phone at all."""
    for text in (customer.contact, customer.phone_number):
        digits = "".join(filter(str.isdigit, text or ""))
        if len(digits) == MOBILE_DIGITS:
            return f"55{digits}"
    return None
