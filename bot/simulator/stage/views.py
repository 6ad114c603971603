"""What the page is told, as JSON-able dicts: chat messages, WhatsApp messages, ports."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from bot.simulator.matrix import Message as Sent
from bot.simulator.telegram.api import Message
from bot.simulator.world import Customer

TEMPLATE_LOS, TEMPLATE_POWER, TEMPLATE_RESTORED = 114, 116, 118
TEMPLATES = {
    TEMPLATE_LOS: "Olá {nome}, identificamos um rompimento de fibra que afeta sua conexão. "
    "Nossa equipe já está trabalhando. Não é preciso ligar.",
    TEMPLATE_POWER: "Olá {nome}, identificamos uma falta de energia na sua região que afeta sua conexão. "
    "Nossa equipe acompanha e o sinal volta junto com a energia. Não é preciso ligar.",
    TEMPLATE_RESTORED: "Olá {nome}, sua conexão foi restabelecida. Obrigado pela paciência.",
}
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
        "size": len(message.document or b""),
        "sender": message.sender.id if message.sender else None,
        "sender_name": message.sender.name if message.sender else None,
        "ephemeral_for": message.ephemeral_for,
        "reply_to": message.reply_to,
        "silent": message.silent,
        "reactions": message.reactions,
    }


def whatsapp_view(message: Sent) -> dict[str, Any]:
    """What a customer's phone shows; the number is a pretend one."""
    text = TEMPLATES.get(message.hsm, f"(template {message.hsm})")
    return {
        "id": message.code,
        "phone": message.phone,
        "name": message.name,
        "text": text.replace("{nome}", message.name),
        "at": message.at.isoformat(),
    }


def mobile(customer: Customer) -> str | None:
    """A generated customer's number on WhatsApp (55...); None: a landline, or no phone at all."""
    digits = "".join(filter(str.isdigit, customer.contact or customer.phone_number or ""))
    return f"55{digits}" if len(digits) == MOBILE_DIGITS else None
