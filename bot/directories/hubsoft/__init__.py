"""HubSoft: its settings and how it is opened. README.md of this folder has the facts of its API."""

import re
from datetime import tzinfo
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from bot.directories.adapter import Adapter, Advice
from bot.directories.hubsoft.hubsoft import HubSoft
from bot.directories.hubsoft.wire import Credentials
from bot.ports import Clock
from bot.process.settings.part import Part, setting
from bot.process.settings.values import BaseUrl


def _without_folder(text: str) -> str:
    """Without the part that every call adds by itself."""
    return re.sub(r"/+(?:api(?:/+v1(?:/+integracao)?)?|oauth(?:/+token)?)/*$", "", text)


class HubSoftSettings(Part):
    """Where its API is, and who reads it."""

    hubsoft_url: Annotated[BaseUrl, AfterValidator(_without_folder)] = setting(
        "",
        mend="the address of HubSoft's API, e.g. https://api.isp.hubsoft.example",
        tells="The address of HubSoft's API, e.g. https://api.isp.hubsoft.example, the client that HubSoft "
        "made for it, and a user for this bot alone who may read customers and CPEs.",
    )
    hubsoft_client_id: str = setting("", mend="the client_id that HubSoft gave")
    hubsoft_client_secret: SecretStr = setting(SecretStr(""), mend="the client_secret that HubSoft gave")
    hubsoft_user: str = setting("", mend="the e-mail address of the user in HubSoft")
    hubsoft_pass: SecretStr = setting(SecretStr(""), mend="that user's password")


def _open(settings: HubSoftSettings, _zone: tzinfo, clock: Clock) -> HubSoft:
    credentials = Credentials(
        settings.hubsoft_client_id,
        settings.hubsoft_client_secret.get_secret_value(),
        settings.hubsoft_user,
        settings.hubsoft_pass.get_secret_value(),
    )
    return HubSoft(settings.hubsoft_url, credentials, clock=clock)


ADAPTER = Adapter(
    open=_open,
    settings=HubSoftSettings,
    needed=("hubsoft_url", "hubsoft_client_id", "hubsoft_client_secret", "hubsoft_user", "hubsoft_pass"),
    url="hubsoft_url",
    look_ahead=1,
    advice=Advice(
        refused="check HUBSOFT_CLIENT_ID, HUBSOFT_CLIENT_SECRET, HUBSOFT_USER and HUBSOFT_PASS, and that the "
        "user may read customers and CPEs",
        unread="check HUBSOFT_URL: something else than HubSoft's API answers there",
        unreached="check HUBSOFT_URL and the way there",
    ),
    folder=__name__,
)
