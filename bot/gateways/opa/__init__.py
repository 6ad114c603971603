"""Opa! Suite: its settings and how it is opened. README.md of this folder has the facts of its API."""

from datetime import tzinfo
from typing import Annotated, ClassVar

from pydantic import SecretStr, StringConstraints, ValidationInfo, field_validator

from bot.errors import StartupError
from bot.gateways.adapter import Adapter, Advice, Sending, all_templates, sending_of
from bot.gateways.opa.opa import Opa
from bot.ports import Clock
from bot.process.settings.part import setting
from bot.process.settings.templates import Templates
from bot.process.settings.values import BaseUrl, Key
from bot.tongue import said

TEMPLATES = {"LOS": "opa_template_los", "POWER": "opa_template_power", "RESTORED": "opa_template_restored"}
FASTEST, SENDS = 80.0, 20  # a second and in flight, at most: README.md says why
_ID_MEND = "24 digits and letters a to f, as GET /api/v1/{} lists it (_id)"
_TEMPLATE_MEND = "the id of an approved template: " + _ID_MEND.format("canal-comunicacao/CHANNEL/template")
Id = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{24}$", to_lower=True)]


class OpaSettings(Templates):
    """Where its API is, and whose channel and templates are used."""

    ours: ClassVar[tuple[str, ...]] = ("OPA_",)

    opa_url: BaseUrl = setting(
        "",
        mend="the address of your account, e.g. https://isp.opasuite.com.br",
        tells="The address of your account, e.g. https://isp.opasuite.com.br, and the token of a user whose "
        "permissions are a profile of the kind API: it sends templates, reads channels and templates, and "
        "for receipts messages; its allowed networks have this machine. A new token ends the old one.",
    )
    opa_token: Key = setting(SecretStr(""), mend="the token of a user of the kind API, without Bearer")
    opa_channel: Id | None = setting(
        None,
        mend="the id of the WhatsApp channel: " + _ID_MEND.format("canal-comunicacao/"),
        tells="The ids of your channel (WhatsApp by 360dialog or Meta, no other), and of your approved "
        "templates for LOS and for power failures. They look alike: python -m bot check says which is which.",
    )
    opa_template_los: Id | None = setting(None, regional=True, mend=_TEMPLATE_MEND)
    opa_template_power: Id | None = setting(None, regional=True, mend=_TEMPLATE_MEND)
    opa_template_restored: Id | None = setting(
        None,
        regional=True,
        mend=_TEMPLATE_MEND + "; empty for none",
        tells="The approved template that says that service is back; empty: none, and nobody is told.",
    )

    @field_validator("opa_url")
    @classmethod
    def _without_its_path(cls, value: str) -> str:
        return value.removesuffix("/api/v1")

    @field_validator("opa_template_los", "opa_template_power", "opa_template_restored")
    @classmethod
    def _no_channel(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value == info.data.get("opa_channel"):
            raise ValueError("is the id of OPA_CHANNEL")
        return value

    @field_validator("opa_template_restored")
    @classmethod
    def _back_is_no_outage(cls, value: str | None, info: ValidationInfo) -> str | None:
        outages = ("opa_template_los", "opa_template_power")
        if value is not None and value in {info.data.get(name) for name in outages}:
            raise ValueError("is the template that tells of an outage")
        return value


def _ids(settings: OpaSettings) -> dict[str, str]:
    ids = {template: getattr(settings, name) for template, name in TEMPLATES.items()}
    return {template: id_ for template, id_ in ids.items() if id_ is not None}


def _sending(settings: OpaSettings) -> Sending:
    return sending_of(settings, _ids(settings), None, fastest=FASTEST, sends=SENDS)


def _open(settings: OpaSettings, zone: tzinfo, _clock: Clock) -> Opa:
    if settings.opa_channel is None:  # no reading of the settings lets none through
        raise StartupError(said("{name} is not set", name="OPA_CHANNEL"))
    templates, variables = all_templates(settings, _sending)
    return Opa(
        settings.opa_url,
        settings.opa_token.get_secret_value(),
        channel=settings.opa_channel,
        templates=templates,
        variables=variables,
        include_current=settings.hsm_include_current,
        zone=zone,
        limit=_sending(settings).sends + 5,  # readings beside the sends: the probe, and four receipts
    )


ADAPTER = Adapter(
    open=_open,
    settings=OpaSettings,
    needed=("opa_url", "opa_token", "opa_channel", "opa_template_los", "opa_template_power"),
    url="opa_url",
    templates=TEMPLATES,
    sending=_sending,
    advice=Advice(
        refused="check OPA_TOKEN (a profile of the kind API, its permissions, its allowed networks) and "
        "OPA_CHANNEL",
        unreached="check OPA_URL and the way there",
        template="check OPA_CHANNEL, and that the token's profile may read channels and templates",
    ),
    folder=__name__,
)
