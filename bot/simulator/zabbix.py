"""A Zabbix that watches a world, and tells what is down by our media type.

That one (`bot/docs/zabbix-media-type.yaml`) is JavaScript, which runs inside Zabbix. What it does is written
here a second time; a test plays the script itself on the same macros, and both have to send the same bytes.
"""

import asyncio
import base64
import hmac
import json
import secrets
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

import aiohttp

from bot.simulator.world import LOCAL, Alert, World

TAG_AT_MOST = 255  # characters of a tag's value: what is longer is cut off, as in Zabbix
SERIALS_IN_A_TAG = 19  # of twelve characters, with commas
LOOKS_EVERY = 0.2  # seconds; also until what was not taken is tried again, for which Zabbix takes a minute
SIGNING = "whsec_"
Macros = Mapping[str, str]


@dataclass(frozen=True)
class Answer:
    """What a push was answered; status 0: nobody was there."""

    status: int
    body: str = ""


class Zabbix:
    """Zabbix, with a trigger on each PON of a world and our media type for who has to know.

    Attributes:
        url: Where the media type sends to.
        key, token: What may prove who tells; the key signs, and is what is used by itself.
        on: Whether the action is enabled; else nobody is told.
        pushes: How many requests the media type has sent.
    """

    def __init__(self, world: World) -> None:
        self.world, self.url = world, ""
        self.key, self.token = a_key(), secrets.token_urlsafe()
        self.on = False
        self.pushes = 0
        self._told: dict[int, bool] = {}  # whether the event was last told as open

    async def run(self) -> None:
        """Every problem and every recovery is told, until it is taken."""
        while True:
            for alert in [*self.world.alerts.values()] if self.on else ():
                is_open = alert.end_date is None
                if self._told.get(alert.id, False) != is_open and (await self.tell(alert)).status == 200:  # noqa: PLR2004
                    self._told[alert.id] = is_open
            await asyncio.sleep(LOOKS_EVERY)

    async def tell(self, alert: Alert, secret: str | None = None) -> Answer:
        """Say how it is, once more or for the first time. ``secret``: not the key, but that."""
        return await self._send(macros(alert), self.key if secret is None else secret)

    async def acknowledge(self, alert: Alert) -> None:
        """Somebody acknowledges the problem: the action has an operation for that, too."""
        await self._send(macros(alert, update=True), self.key)

    async def forge(self, alert: Alert) -> Answer:
        """Somebody who does not know the secret tells of it."""
        return await self.tell(alert, a_key())

    async def _send(self, values: Macros, secret: str) -> Answer:
        request = media_type(values, secret, int(time.time()))
        if request is None:
            return Answer(0)
        body, headers = request
        self.pushes += 1
        try:
            async with (
                aiohttp.ClientSession() as http,
                http.post(self.url, data=body, headers=headers) as answer,
            ):
                return Answer(answer.status, await answer.text())
        except aiohttp.ClientConnectionError:
            return Answer(0)


def a_key() -> str:
    """A new secret that signs."""
    return SIGNING + base64.b64encode(secrets.token_bytes(32)).decode()


def macros(alert: Alert, *, update: bool = False) -> dict[str, str]:
    """What Zabbix puts in place of the macros that the media type names; ``update``: it was acknowledged."""
    began = datetime.fromisoformat(alert.initial_date or "").replace(tzinfo=LOCAL)
    cause = "POWER" if alert.alert_type.endswith("no_power") else "LOS"
    tags = [{"tag": name, "value": value[:TAG_AT_MOST]} for name, value in _tags(alert, cause)]
    return {
        "EVENT.DATE": f"{began:%Y.%m.%d}",
        "EVENT.ID": str(alert.id),
        "EVENT.NAME": f"PON {alert.slot_pon} · {cause}",
        "EVENT.SOURCE": "0",
        "EVENT.TAGSJSON": json.dumps(tags),
        "EVENT.TIME": f"{began:%H:%M:%S}",
        "EVENT.TIMESTAMP": str(int(began.timestamp())),
        "EVENT.UPDATE.STATUS": str(int(update)),
        "EVENT.VALUE": str(int(alert.end_date is None)),
        "HOST.HOST": alert.olt_name,
    }


def _tags(alert: Alert, cause: str) -> Iterator[tuple[str, str]]:
    yield "interface", f"gpon-olt_1/{alert.slot_pon}"
    yield "cause", cause.lower()
    yield "affected", str(len(alert.onus))
    yield "total", str(alert.total_devices_count)
    for first in range(0, len(alert.onus), SERIALS_IN_A_TAG):
        some = alert.onus[first : first + SERIALS_IN_A_TAG]
        yield "onus", ",".join(onu.serial for onu in some)


def media_type(values: Macros, secret: str, now: int) -> tuple[bytes, dict[str, str]] | None:
    """The body and the headers that the media type sends at that Unix time; None where it sends nothing."""
    if values["EVENT.UPDATE.STATUS"] == "1":
        return None
    said = {
        "id": values["EVENT.ID"],
        "status": "closed" if values["EVENT.VALUE"] == "0" else "open",
        "started_at": int(values["EVENT.TIMESTAMP"]),
        "labels": _labels(values, json.loads(values["EVENT.TAGSJSON"])),
    }
    body = json.dumps(said, separators=(",", ":")).encode()
    headers = {"Content-Type": "application/json"}
    if not secret.startswith(SIGNING):
        return body, headers | {"Authorization": f"Bearer {secret}"}
    id_ = f"zabbix-{values['EVENT.ID']}-{values['EVENT.VALUE']}"
    key = base64.b64decode(secret.removeprefix(SIGNING))
    signature = hmac.new(key, f"{id_}.{now}.".encode() + body, sha256).digest()
    return body, headers | {
        "webhook-id": id_,
        "webhook-timestamp": str(now),
        "webhook-signature": f"v1,{base64.b64encode(signature).decode()}",
    }


def _labels(values: Macros, tags: Sequence[Mapping[str, str]]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for tag in tags:
        name, value = tag["tag"], tag["value"]
        if name == "onus" and labels.get(name):
            labels[name] += f",{value}"
        else:
            labels[name] = labels.get(name) or value
    labels["host"] = labels.get("host") or values["HOST.HOST"]
    labels["alertname"] = labels.get("alertname") or values["EVENT.NAME"]
    return labels
