"""WhatsApp Cloud API: its settings and how it is opened. README.md of this folder has the facts of it."""

from datetime import tzinfo
from typing import Annotated, ClassVar

from pydantic import SecretStr, StringConstraints, ValidationInfo, field_validator

from bot.gateways.adapter import Adapter, Advice, Sending, all_templates, sending_of
from bot.gateways.cloud.cloud import Cloud
from bot.gateways.cloud.webhook import CloudWebhook
from bot.ports import Clock
from bot.process.settings.part import setting
from bot.process.settings.templates import Templates
from bot.process.settings.values import BaseUrl, Key

TEMPLATES = {"LOS": "wa_template_los", "POWER": "wa_template_power", "RESTORED": "wa_template_restored"}
FASTEST, SENDS = 80.0, 50  # a second and in flight, at most
METAS_OWN = "authorization"  # the header of Meta itself; with another one the address names no number
_NAME_MEND = "the name of an approved template: small letters, digits and _"
Name = Annotated[str, StringConstraints(pattern=r"^[a-z0-9_]{1,512}$")]


class CloudSettings(Templates):
    """Where its API is, and whose number and templates are used."""

    ours: ClassVar[tuple[str, ...]] = ("WA_",)

    wa_key_header: str = setting(
        "Authorization",
        pattern=r"^[A-Za-z0-9-]{1,64}$",
        mend="the name of an HTTP header: Authorization, or D360-API-KEY with 360dialog",
        tells="The header that carries the key; D360-API-KEY with 360dialog.",
    )
    wa_phone_number_id: int | None = setting(
        None,
        ge=1,
        mend="the id of your number with Meta (a long number, and not the phone), empty only with a "
        "WA_KEY_HEADER of its own",
        tells="The id of your number with Meta (not the phone). Needed with Meta itself, empty with "
        "360dialog.",
    )
    wa_waba_id: int | None = setting(
        None,
        ge=1,
        mend="the id of the WhatsApp business account (a long number), empty where templates cannot be read",
        tells="The id of your WhatsApp business account, so that the bot can read its templates (the token "
        "then needs whatsapp_business_management, too); empty, or with 360dialog: nobody checks them.",
    )
    wa_token: Key = setting(
        SecretStr(""),
        mend="the access token of a system user, or the provider's key, without Bearer",
        tells="The access token of a system user that may send messages (whatsapp_business_messaging), or "
        "the key of a provider such as 360dialog.",
    )
    wa_template_los: Name | None = setting(
        None,
        regional=True,
        mend=_NAME_MEND,
        tells="The names of your approved templates for LOS and for power failures.",
    )
    wa_template_power: Name | None = setting(None, regional=True, mend=_NAME_MEND)
    wa_base_url: BaseUrl = setting(
        "https://graph.facebook.com",
        mend="where the API is, e.g. https://graph.facebook.com or https://waba-v2.360dialog.io",
        tells="Where the API is (360dialog: https://waba-v2.360dialog.io), and Meta's version of it.",
    )
    wa_api_version: str = setting(
        "v24.0", pattern=r"^v[0-9]{1,3}\.[0-9]{1,2}$", mend="a version of Meta's API, e.g. v24.0"
    )
    wa_lang: str = setting(
        "pt_BR",
        pattern=r"^[a-z]{2,3}(_[A-Za-z]{2,4})?$",
        mend="the language of the templates as Meta writes it, e.g. pt_BR",
        tells="The language of the templates.",
    )
    wa_named: bool = setting(
        False,
        mend="true or false",
        tells="true: the templates' variables have names (NAMED), the words of HSM_VARIABLES as they are "
        "written there, in small letters without accents; false: they are numbered.",
    )
    wa_app_secret: Key = setting(
        SecretStr(""),
        mend="the app's secret (App settings, Basic), empty for no receipts",
        tells="For receipts (delivered, read, not delivered) and customers' PARAR: the secret of your Meta "
        "app, which signs what Meta tells, and a word of your own that you also type in at Meta. Meta calls "
        "https://YOUR-HOST/whatsapp, which must lead to OPS_PORT. Empty: none.",
    )
    wa_verify_token: Key = setting(
        SecretStr(""), mend="any word of your own, the same as in the webhook's form at Meta"
    )
    wa_template_restored: Name | None = setting(
        None,
        regional=True,
        mend=_NAME_MEND + "; empty for none",
        tells="The approved template that says that service is back; empty: none, and nobody is told.",
    )

    @field_validator("wa_token")
    @classmethod
    def _of_a_number(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        given, metas = value.get_secret_value(), info.data.get("wa_key_header", "").lower() == METAS_OWN
        if given and metas and info.data.get("wa_phone_number_id", 0) is None:
            raise ValueError("needs WA_PHONE_NUMBER_ID, which only other providers do without")
        return value

    @field_validator("wa_verify_token")
    @classmethod
    def _with_a_secret(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        secret = info.data.get("wa_app_secret")
        if secret is not None and bool(secret.get_secret_value()) != bool(value.get_secret_value()):
            raise ValueError("goes with WA_APP_SECRET: both or none")
        return value

    @field_validator("wa_template_restored")
    @classmethod
    def _restored_of_its_own(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and value in {
            info.data.get(name) for name in ("wa_template_los", "wa_template_power")
        }:
            raise ValueError("is the template that tells of an outage")
        return value


def _names(settings: CloudSettings) -> dict[str, str]:
    names = {template: getattr(settings, name) for template, name in TEMPLATES.items()}
    return {template: name for template, name in names.items() if name is not None}


def _sending(settings: CloudSettings) -> Sending:
    number = settings.wa_phone_number_id
    return sending_of(settings, _names(settings), number, settings.wa_lang, fastest=FASTEST, sends=SENDS)


def _open(settings: CloudSettings, zone: tzinfo, _clock: Clock) -> Cloud:
    key, header = settings.wa_token.get_secret_value(), settings.wa_key_header
    number = settings.wa_phone_number_id
    account = settings.wa_waba_id if number is not None else None
    templates, variables = all_templates(settings, _sending)
    of_meta = f"{settings.wa_base_url}/{settings.wa_api_version}"
    return Cloud(
        settings.wa_base_url if number is None else f"{of_meta}/{number}",
        {header: f"Bearer {key}" if header.lower() == METAS_OWN else key},
        templates=templates,
        language=settings.wa_lang,
        variables=variables,
        named=settings.wa_named,
        readable=number is not None,
        account=None if account is None else f"{of_meta}/{account}",
        zone=zone,
        limit=_sending(settings).sends + 1,  # the probe beside the sends
    )


def _webhook(settings: CloudSettings) -> CloudWebhook | None:
    secret = settings.wa_app_secret.get_secret_value()
    return CloudWebhook(secret, settings.wa_verify_token.get_secret_value()) if secret else None


ADAPTER = Adapter(
    open=_open,
    settings=CloudSettings,
    needed=("wa_token", "wa_template_los", "wa_template_power"),
    url="wa_base_url",
    asked=(
        "wa_base_url",
        "wa_key_header",
        "wa_phone_number_id",
        "wa_waba_id",
        "wa_token",
        *TEMPLATES.values(),
    ),
    templates=TEMPLATES,
    sending=_sending,
    advice=Advice(
        refused="check WA_TOKEN and WA_PHONE_NUMBER_ID (the number's id, not the phone), and in Meta's "
        "WhatsApp manager whether the number may send",
        unreached="check WA_BASE_URL and the way there",
        untried="it answers, but this provider has nothing that may be asked without sending, so the key "
        "could not be tried: check --send-test PHONE shows it",
        unread="not checked: set WA_WABA_ID (the id of the WhatsApp business account) and the bot reads "
        "them; with 360dialog it cannot",
        template="check WA_WABA_ID, and that the token has whatsapp_business_management",
    ),
    folder=__name__,
    webhook=_webhook,
)
