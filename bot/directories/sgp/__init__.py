"""SGP: its settings and how it is opened. README.md of this folder has the facts of its API."""

import re
from datetime import tzinfo
from typing import Annotated

from pydantic import AfterValidator, SecretStr

from bot.directories.adapter import Adapter, Advice
from bot.directories.sgp.sgp import Sgp
from bot.ports import Clock
from bot.process.settings.part import Part, setting
from bot.process.settings.values import BaseUrl


def _without_folder(text: str) -> str:
    """Without the part that every call adds by itself."""
    return re.sub(r"/+(?:api(?:/+ura)?|admin)/*$", "", text)


class SgpSettings(Part):
    """Where its API is, and who reads it."""

    sgp_url: Annotated[BaseUrl, AfterValidator(_without_folder)] = setting(
        "",
        mend="SGP's address, e.g. https://isp.sgp.example",
        tells="SGP's address, e.g. https://isp.sgp.example, and the token and the app's name that were made "
        "in it for this bot.",
    )
    sgp_token: SecretStr = setting(SecretStr(""), mend="the token of the app in SGP")
    sgp_app: str = setting("", mend="the app's name in SGP")


def _open(settings: SgpSettings, _zone: tzinfo, _clock: Clock) -> Sgp:
    return Sgp(settings.sgp_url, settings.sgp_token.get_secret_value(), settings.sgp_app)


ADAPTER = Adapter(
    open=_open,
    settings=SgpSettings,
    needed=("sgp_url", "sgp_token", "sgp_app"),
    url="sgp_url",
    look_ahead=2,
    advice=Advice(
        refused="check SGP_TOKEN and SGP_APP, and that the app may read customers",
        unread="check SGP_URL, SGP_TOKEN and SGP_APP: something else than the API answers there",
        unreached="check SGP_URL and the way there",
    ),
    folder=__name__,
)
