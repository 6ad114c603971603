"""What Grafana Alerting sends: Alertmanager's body with version 1, signed where it is given a secret."""

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from hashlib import sha256
from typing import Any

from bot.sources.fields import free_text, word_of
from bot.sources.hook.formats.alertmanager import alerts_of, telling
from bot.sources.hook.formats.authorization import any_same, is_authorized, is_fresh
from bot.sources.hook.formats.mapping import part_of
from bot.sources.hook.told import Mapped, Telling

SIGNATURE = "x-grafana-alerting-signature"
TIMESTAMP = "x-grafana-alerting-timestamp"
"""That of a signature has this name by itself; that of its time has none until a person types this one."""

_NO_OUTAGE = {
    "TestAlert",
    "DatasourceNoData",
    "DatasourceError",
}  # the button Test; what it cannot see itself
_REASON = "grafana_state_reason"
_NOT_OVER = {
    "Paused",
    "Updated",
    "RuleDeleted",
    "NoData",
    "Error",
}  # why an alert ends whose outage may go on


class Grafana:
    """Grafana's contact point of the kind webhook."""

    def read(self, body: bytes, mapping: Mapped, zone: tzinfo) -> Telling:
        """Its alerts but those that are no outage, and but ends that come of a rule that was changed."""
        alerts, missing = alerts_of(body)
        saying = [alert for alert in alerts if _says(alert)]
        told = telling(saying, missing, mapping, zone)
        return replace(told, ignored=told.ignored + len(alerts) - len(saying))

    def genuine(self, headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
        """Whether it is signed with one of the secrets, or carries one as Alertmanager's does."""
        authorized = is_authorized(headers, secrets)
        return _is_signed(headers, body, secrets, now) or authorized


def _says(alert: Mapping[str, Any]) -> bool:
    reasons = free_text(part_of(alert, "annotations").get(_REASON))
    of_itself = word_of(alert.get("status")) != "resolved" or _NOT_OVER.isdisjoint(reasons.split(", "))
    return of_itself and free_text(part_of(alert, "labels").get("alertname")) not in _NO_OUTAGE


def _is_signed(headers: Mapping[str, str], body: bytes, secrets: Sequence[str], now: datetime) -> bool:
    """With a time it is signed over `time:body`, and the time must be now."""
    time, said = headers.get(TIMESTAMP), headers.get(SIGNATURE, "").strip().lower()
    start = b"" if time is None else time.encode("utf-8", "surrogateescape") + b":"
    expected = []
    for secret in secrets:
        signed = hmac.new(secret.encode(), start, sha256)
        signed.update(body)
        expected.append(signed.hexdigest().encode())
    same = any_same(expected, said.encode("utf-8", "surrogateescape"))
    return same and (time is None or is_fresh(time, now))
