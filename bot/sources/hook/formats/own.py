"""Our own JSON: what a script sends, or a monitoring system that can be given a template."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from math import isfinite
from typing import Any

from bot.bodies import json_of
from bot.errors import BadAnswer
from bot.sources.fields import free_text, moment, plain
from bot.sources.hook.formats.authorization import is_authorized
from bot.sources.hook.formats.mapping import Labels, part_of
from bot.sources.hook.formats.signed import KEY, is_signed
from bot.sources.hook.told import Mapped, Telling, Told

AT_MOST = 10_000  # outages in a body; more would keep everybody waiting as they are read
_ON = {"open", "update", "firing", "problem", "1"}
_OVER = {"closed", "resolved", "ok", "0"}
_EARLIEST, _LATEST = 10**9, 10**10  # Unix seconds: what lies outside is no time of today


class Own:
    """`bot.sources.hook.told.Format`: signed, or with a token."""

    def read(self, body: bytes, mapping: Mapped, zone: tzinfo) -> Telling:
        """One object, or a list of them, each with our fields or with `labels` as a monitoring system has."""
        found = json_of(body)
        if found is None:
            raise BadAnswer("not_json")
        rows = found if isinstance(found, list) else [found]
        if len(rows) > AT_MOST:
            raise BadAnswer("too_large")
        objects = [row for row in rows if isinstance(row, Mapping)]
        if not objects:
            raise BadAnswer("no_object")
        told = tuple(one for row in objects if (one := _told(row, mapping, zone)) is not None)
        unread = len(rows) - len(told)
        return Telling(told, unread, unread)

    def genuine(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
        """By signature where a secret is a key, else by token."""
        tokens = [secret for secret in secrets if not secret.startswith(KEY)]
        signed = is_signed(headers, body, secrets, now)
        return is_authorized(headers, tokens) or signed


def _told(row: Mapping[str, Any], mapping: Mapped, zone: tzinfo) -> Told | None:
    """None where it says no id, or not whether it is on. What it does not say itself its `labels` may."""
    id_, status = free_text(row.get("id"), at_most=None), plain(free_text(row.get("status")))
    if not id_ or status not in _ON | _OVER:
        return None
    said = Labels(row, part_of(row, "labels"), mapping)
    place = said.place
    return Told(
        id=id_,
        open=status in _ON,
        kind=said.kind,
        olt=said.olt,
        slot=place and place[0],
        pon=place and place[1],
        started=started_of(row.get("started_at"), zone),
        affected=said.count("affected"),
        total=said.count("total"),
        serials=said.serials,
    )


def started_of(value: Any, zone: tzinfo) -> datetime | None:
    """A date with or without an offset, or Unix seconds; None for anything else."""
    text = free_text(int(value) if isinstance(value, float) and isfinite(value) else value)
    if text.isascii() and text.isdecimal():
        return datetime.fromtimestamp(int(text), UTC) if _EARLIEST <= int(text) < _LATEST else None
    return moment(text, zone)
