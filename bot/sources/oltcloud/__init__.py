"""OLT Cloud: its settings and how it is opened. README.md of this folder has the facts of its API."""

import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated

from pydantic import AfterValidator, SecretStr, ValidationInfo, field_validator

from bot.ports import Clock
from bot.process.settings.part import Part, setting
from bot.process.settings.values import BaseUrl, Url
from bot.sources.adapter import Adapter, Advice
from bot.sources.oltcloud.oltcloud import OltCloud


def _without_folder(text: str) -> str:
    """Without the part that every call adds by itself: providers name the API's folder or its login."""
    return re.sub(r"/+api(?:/+v[0-9]+|/+token)?/*$", "", text)


class OltCloudSettings(Part):
    """Where its API is, and who reads it."""

    api_base_url: Annotated[BaseUrl, AfterValidator(_without_folder)] = setting(
        "",
        mend="the OLT API, e.g. https://isp.oltcloud.co",
        tells="The OLT manager's API, e.g. https://isp.oltcloud.co, and a user of it that may read.",
        old="BASE_URL_API",
    )
    api_user: SecretStr = setting(SecretStr(""), mend="the user of the OLT API")
    api_pass: SecretStr = setting(SecretStr(""), mend="that user's password")
    api_auth_url: Url = setting(
        "",
        mend="its login, empty for {API_BASE_URL}/api/token",
        tells="Its login; empty: {API_BASE_URL}/api/token",
    )

    @field_validator("api_auth_url")
    @classmethod
    def _default_login(cls, value: str, info: ValidationInfo) -> str:
        base = info.data.get("api_base_url")
        return value or (f"{base}/api/token" if base else "")


def _open(settings: OltCloudSettings, zone: tzinfo, clock: Clock, look_ups: int) -> Sequence[OltCloud]:
    one = OltCloud(
        settings.api_base_url,
        settings.api_auth_url,
        settings.api_user.get_secret_value(),
        settings.api_pass.get_secret_value(),
        zone=zone,
        clock=clock,
        limit=look_ups + 10,  # beside the look-ups the poll, and what is still on its way of those ahead
    )
    return [one]


ADAPTER = Adapter(
    open=_open,
    settings=OltCloudSettings,
    needed=("api_base_url", "api_user", "api_pass"),
    url="api_base_url",
    look_ahead=8,
    advice=Advice(
        login="check API_USER, API_PASS, API_BASE_URL and API_AUTH_URL",
        refused="check API_BASE_URL and the user's rights",
        unreached="check API_BASE_URL and the way there",
    ),
    folder=__name__,
)
