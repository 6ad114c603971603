"""IXC Provedor: its settings and how it is opened. README.md of this folder has the facts of its API."""

import re
from datetime import tzinfo
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from bot.directories.adapter import Adapter, Advice
from bot.directories.ixc.ixc import Ixc
from bot.ports import Clock
from bot.process.settings.part import Part, setting
from bot.process.settings.values import BaseUrl


def _without_folder(text: str) -> str:
    """Without the part that every call adds by itself."""
    return re.sub(r"/+webservice(?:/+v1)?/*$", "", text)


def _whole(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text and not re.fullmatch(r"[0-9]+:[!-~]+", text):
        raise ValueError("is not the whole token, which begins with the user's number and a colon")
    return secret


class IxcSettings(Part):
    """Where its API is, and who reads it."""

    ixc_url: Annotated[BaseUrl, AfterValidator(_without_folder)] = setting(
        "",
        mend="IXC's address, e.g. https://ixc.isp.example",
        tells="IXC's address, e.g. https://ixc.isp.example, and the whole token of a user of it who may read "
        "(id:token). The server's address must stand in that user group's Redes Permitidas.",
    )
    ixc_token: Annotated[SecretStr, AfterValidator(_whole)] = setting(
        SecretStr(""), mend="the whole token of the user's screen, id:token"
    )


def _open(settings: IxcSettings, zone: tzinfo, clock: Clock) -> Ixc:
    return Ixc(settings.ixc_url, settings.ixc_token.get_secret_value(), zone=zone, clock=clock)


ADAPTER = Adapter(
    open=_open,
    settings=IxcSettings,
    needed=("ixc_url", "ixc_token"),
    url="ixc_url",
    look_ahead=2,
    advice=Advice(
        refused="check IXC_TOKEN (the whole id:token, made on this server) and this machine's address in the "
        "user group's Redes Permitidas",
        unread="check IXC_URL, IXC_TOKEN and that the user may read: a page instead of an answer is often a "
        "wrong token, an inactive user or an address that is not allowed",
        unreached="check IXC_URL and the way there",
    ),
    folder=__name__,
)
