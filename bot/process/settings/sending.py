"""The settings of what is sent: whether, through whom, when, and how often a customer may be told."""

from typing import ClassVar

from pydantic import InstanceOf, ValidationInfo, field_validator

from bot.domain.limits.cooldown import LONGEST_DAYS
from bot.domain.limits.hours import Hours
from bot.gateways import GATEWAYS, NAMES, would_send
from bot.process.settings.part import Part, setting
from bot.process.settings.values import local_hours, registered
from bot.tongue import said

_RESTORED = ", ".join(
    adapter.templates["RESTORED"].upper() for adapter in GATEWAYS.values() if "RESTORED" in adapter.templates
)


class Messages(Part):
    """Whether, when and how often customers are written to."""

    title: ClassVar[str] = "Sending"

    dry_run: bool = setting(
        False, mend="true or false", tells="true: everything but the POST; nobody gets a message."
    )
    gateway: str = setting(
        NAMES[0],
        mend="one of {names}",
        names=", ".join(NAMES),
        tells="Which WhatsApp sender; dry_run sends nothing and needs no URL and key.",
    )
    restored_auto: bool = setting(
        False,
        regional=True,
        live=True,
        mend="true or false; true only where there is a template for it: {names}",
        names=_RESTORED,
        tells='true: customers are told that service is back without a tap; false: by a tap on "Avisar que '
        'voltou".',
    )
    undo_seconds: float = setting(
        5,
        regional=True,
        live=True,
        ge=0,
        le=300,
        mend="seconds, 0 to 300",
        tells="Seconds with a cancel button between the tap and the first message; 0: none.",
    )
    customer_hours: InstanceOf[Hours] | None = setting(
        None,
        regional=True,
        live=True,
        mend="hours such as 08:00-21:00 (midnight is 00:00), empty for always",
        tells="When customers may be written to, e.g. 08:00-21:00; empty: always. Outside, an approval can "
        "wait for it.",
    )
    two_person_above: int = setting(
        0,
        regional=True,
        live=True,
        ge=0,
        le=1_000_000,
        mend="customers, 0 to 1000000; 0 for never",
        tells="A send to more customers than this takes a second approver; 0: never.",
    )
    cooldown_hours: float = setting(
        24,
        live=True,
        ge=0,
        le=24 * LONGEST_DAYS,
        mend="hours, 0 to 2160",
        tells="Hours in which a port, and a customer, gets no second message.",
    )

    @field_validator("gateway")
    @classmethod
    def _known_gateway(cls, value: str) -> str:
        return registered(value, NAMES)

    @field_validator("restored_auto")
    @classmethod
    def _has_a_template(cls, value: bool, info: ValidationInfo) -> bool:
        if not value or "gateway" not in info.data:
            return value
        name = would_send(info.data["gateway"]).templates.get("RESTORED")
        if name is None:
            raise ValueError("needs a gateway with a template for it")
        if info.data.get(name, 0) is None:
            raise ValueError(said("needs {name}", name=name.upper()))
        return value

    _local_hours = field_validator("customer_hours", mode="before")(local_hours)
