"""What Prometheus' Alertmanager sends, version 4, and what of it others send too."""

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from bot.bodies import json_of
from bot.errors import BadAnswer
from bot.sources.fields import count_of, identifier, moment, word_of
from bot.sources.hook.formats.authorization import is_authorized
from bot.sources.hook.formats.mapping import Labels, part_of
from bot.sources.hook.told import Mapped, Telling, Told

_STATUS = {"firing": True, "resolved": False}
AT_MOST = 10_000  # alerts in a body; more would keep everybody waiting as they are read


class Alertmanager:
    """Alertmanager's webhook. It signs nothing: a secret is in `Authorization`."""

    def read(self, body: bytes, mapping: Mapped, zone: tzinfo) -> Telling:
        """Its alerts, each by its fingerprint: a group comes again with all of them whenever one changes."""
        return telling(*alerts_of(body), mapping, zone)

    def genuine(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:  # noqa: ARG002
        """Whether it carries one of the secrets."""
        return is_authorized(headers, secrets)


def alerts_of(body: bytes) -> tuple[list[Mapping[str, Any]], int]:
    """The alerts of a notification and how many it has left out; BadAnswer where it is none."""
    group = json_of(body)
    if not isinstance(group, Mapping):
        raise BadAnswer("not_json")
    alerts = group.get("alerts")
    if not isinstance(alerts, list):
        raise BadAnswer("no_results")
    if len(alerts) > AT_MOST:
        raise BadAnswer("too_large")
    # An alert that is no object says as little as one without any field, and is counted like it.
    found = [alert if isinstance(alert, Mapping) else {} for alert in alerts]
    return found, count_of(group.get("truncatedAlerts")) or 0


def telling(alerts: Sequence[Mapping[str, Any]], missing: int, mapping: Mapped, zone: tzinfo) -> Telling:
    """What these alerts tell, where the sender has left out so many more."""
    told = [one for alert in alerts if (one := _told(alert, missing, mapping, zone)) is not None]
    unread = len(alerts) - len(told)
    return Telling(tuple(told), unread, unread)


def _told(alert: Mapping[str, Any], missing: int, mapping: Mapped, zone: tzinfo) -> Told | None:
    """One alert; None where no fingerprint, status or OLT can be read.

    Only `status` says whether it is over: `endsAt` of one that is open may be any time.
    """
    labels = Labels(part_of(alert, "labels"), part_of(alert, "annotations"), mapping)
    fingerprint, is_open = identifier(alert.get("fingerprint")), _STATUS.get(word_of(alert.get("status")))
    if fingerprint is None or is_open is None or not labels.olt:
        return None
    place = labels.place
    return Told(
        id=fingerprint,
        open=is_open,
        kind=labels.kind,
        olt=labels.olt,
        slot=place and place[0],
        pon=place and place[1],
        started=moment(alert.get("startsAt"), zone),
        ended=None if is_open else moment(alert.get("endsAt"), zone),
        affected=labels.count("affected"),
        total=labels.count("total"),
        serials=labels.serials,
        missing=missing,
        in_order=True,
    )
