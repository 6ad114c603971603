"""SmartOLT: its settings and how its accounts are opened. README.md here has the facts of its API."""

import re
from collections.abc import Sequence
from datetime import tzinfo
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, SecretStr, ValidationInfo, field_validator

from bot.ports import Clock
from bot.process.settings.part import Part, setting
from bot.process.settings.values import BaseUrls, Key
from bot.sources.adapter import Adapter, Advice
from bot.sources.smartolt.rows import Account
from bot.sources.smartolt.smartolt import SmartOlt


def _without_folder(text: str) -> str:
    """Without the part that every call adds by itself."""
    return ",".join(re.sub(r"/+api/*$", "", one) for one in text.split(","))


class SmartOltSettings(Part):
    """Where its accounts are, and the key of each."""

    smartolt_url: Annotated[BaseUrls, AfterValidator(_without_folder)] = setting(
        "",
        mend="the account's address, e.g. https://isp.smartolt.com; several with commas",
        tells="SmartOLT's address, e.g. https://isp.smartolt.com, and an API key of it that may read and is "
        "bound to no other machine's address. Several accounts: both with commas, in the same order.",
    )
    smartolt_key: Key = setting(SecretStr(""), mend="its API key; as many with commas as there are addresses")
    smartolt_poll_seconds: float = setting(
        300,
        ge=1,
        le=3600,
        mend="seconds, 1 to 3600",
        tells="Seconds between two readings of an account, in place of POLL_SECONDS: outages and customers "
        "share its 1,000 calls an hour.",
    )

    smartolt_name_id: str = setting(
        "",
        mend="a pattern with one pair of parentheses, e.g. ^([0-9]+) - , empty for none",
        tells="Where names of ONUs hold the customer's number in the ERP of DIRECTORY (38673 - Maria): a "
        "regular expression with that number in parentheses, e.g. ^([0-9]+) - ",
    )

    @field_validator("smartolt_name_id")
    @classmethod
    def _pattern(cls, value: str) -> str:
        try:
            groups = re.compile(value).groups
        except re.error:
            raise ValueError("is no regular expression") from None
        if value and groups != 1:
            raise ValueError("has not one pair of parentheses")
        return value

    @field_validator("smartolt_key")
    @classmethod
    def _one_for_each(cls, value: SecretStr, info: ValidationInfo) -> SecretStr:
        addresses, keys = _each(info.data.get("smartolt_url", "")), _each(value.get_secret_value())
        if addresses and keys and len(addresses) != len(keys):
            raise ValueError("has not one key for each address of SMARTOLT_URL")
        return value


def _each(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def account_of(url: str) -> str:
    """What an account is called: `isp` of `https://isp.smartolt.com`, of another address all of its host."""
    place = urlsplit(url).netloc.lower()
    return re.sub("[^a-z0-9.-]", "-", place.removesuffix(".smartolt.com"))


def _open(settings: SmartOltSettings, zone: tzinfo, clock: Clock, _look_ups: int) -> Sequence[SmartOlt]:
    urls, keys = _each(settings.smartolt_url), _each(settings.smartolt_key.get_secret_value())
    return [
        SmartOlt(
            url,
            key,
            Account(account_of(url)),
            name="smartolt" if len(urls) == 1 else f"smartolt:{account_of(url)}",
            every=settings.smartolt_poll_seconds,
            name_id=re.compile(settings.smartolt_name_id) if settings.smartolt_name_id else None,
            zone=zone,
            clock=clock,
        )
        for url, key in zip(urls, keys, strict=True)
    ]


ADAPTER = Adapter(
    open=_open,
    settings=SmartOltSettings,
    needed=("smartolt_url", "smartolt_key"),
    url="smartolt_url",
    advice=Advice(
        login="check SMARTOLT_KEY; where it is right, it is bound to other addresses than this machine's: "
        "add that in SmartOLT's settings of the API key",
        refused="check SMARTOLT_URL and that the key may read",
        unreached="check SMARTOLT_URL and the way there",
    ),
    folder=__name__,
)
