"""`python -m bot hook try NAME < body.json`: what a body would become, without taking it in."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from bot.bodies import json_of
from bot.domain.incident import Kind
from bot.errors import BadAnswer, StartupError
from bot.sources.hook import FIRST, names
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.incidents import Called, affected
from bot.sources.hook.standing import Draft, key_of
from bot.sources.hook.told import Format, Mapped, Telling, Told
from bot.tongue import said

AT_MOST = 50  # rows that are told of
_WHOLE = "no list of ONUs: all of the PON, whom DIRECTORY has to know by PON"
_NOBODY = "no list of ONUs, and not all of the PON by affected and total, so there is nobody to tell"
_WHY = {
    "not_json": "it is no JSON",
    "no_results": "there is no list of alerts in it",
    "no_object": "an alert is no JSON object",
    "too_large": "there is too much in it",
}
_KINDS = {Kind.LOS: "LOS", Kind.POWER: "POWER", Kind.OTHER: "OTHER"}
_NEEDED = re.compile(r"(SOURCE|TZ|HOOK_\w+(?<!_SECRET)) ")  # what a problem begins with that is ours


def tried(settings: Any, problems: Sequence[str], name: str, body: bytes, now: datetime) -> tuple[int, str]:
    """The exit code and what to print: 0 where something of it is an outage, else 1.

    StartupError where no such sender is in SOURCE, or one of the `problems` of the settings is its own.
    """
    wrong = [f"  {line}" for line in problems if _NEEDED.match(line)]
    if wrong:
        raise StartupError("\n".join((said("Settings that need mending:"), *wrong)))
    if name not in names(settings.source):
        there = ", ".join(names(settings.source)) or said("none")
        text = "SOURCE has no hook:{name} (there is: {there}): add it, and its settings"
        raise StartupError(said(text, name=name, there=there))
    called, spelt = Called(name), settings.hook_name_format.get(name, FIRST)
    form, mapping = FORMATS[spelt], settings.hook_name_map.get(name, {})
    try:
        telling = form.read(body, mapping, settings.tz)
    except BadAnswer as error:
        text = "✗ {format} cannot read it ({why}): it would be answered with 400"
        return 1, said(text, format=spelt, why=said(_WHY.get(str(error), str(error))))
    lines = [_line(called, told, now, settings.tz) for told in telling.told]
    lines += _ignored(form, body, mapping, settings.tz)
    more = [said("... and {count} more", count=len(lines) - AT_MOST)] if len(lines) > AT_MOST else []
    taken = len(telling.told)
    text = "hook:{name} reads it as {format}: {taken} taken, {ignored} ignored"
    head = said(text, name=name, format=spelt, taken=taken, ignored=telling.ignored)
    return int(not taken), "\n".join((head, *lines[:AT_MOST], *more))


def _line(called: Called, told: Told, now: datetime, zone: tzinfo) -> str:
    key = key_of(told.id)
    if not told.open:
        return f"✓ {called.ids}{key}: {said('over, if it was told before')}"
    draft = Draft({})
    draft.hear(Telling((told,)), now)
    if key not in draft.changed:
        return f"✗ {called.ids}{key}: {said('ignored, unless it was told before with its OLT')}"
    one, whole = called.incident(key, draft.changed[key], stale=False), affected(draft.changed[key]).whole
    down, total = ("?" if count is None else count for count in (one.affected, one.total))
    since = said("start not said")
    if one.start_known:
        since = said("since {at}", at=f"{one.started.astimezone(zone):%d/%m/%Y %H:%M}")
    onus = said("{down} of {total} ONUs", down=down, total=total)
    facts = f"{one.id}: {said(_KINDS[one.kind])} · {one.port.label} · {onus} · {since}"
    if not one.port.placed:
        return f"! {facts}; {said('no slot and PON in it: of the whole OLT, listed and not offered')}"
    if one.kind is Kind.OTHER:
        return f"! {facts}; {said('its cause is neither LOS nor POWER: listed and not offered')}"
    serials = len(told.serials)
    onus = said("{count} serials", count=serials) if serials else said(_WHOLE if whole else _NOBODY)
    return f"{'✓' if serials or whole else '!'} {facts} · {onus}"


def _ignored(form: Format, body: bytes, mapping: Mapped, zone: tzinfo) -> Iterator[str]:
    """Which alerts say nothing, each read by itself."""
    for number, (alert, alone) in enumerate(_each(json_of(body)), 1):
        try:
            told = form.read(json.dumps(alone).encode(), mapping, zone)
        except BadAnswer:
            told = Telling((), 1, 1)
        if told.told:
            continue
        labels = alert.get("labels", alert) if isinstance(alert, Mapping) else {}
        has = ", ".join(sorted(map(str, labels))[:20]) if isinstance(labels, Mapping) else ""
        why = "no id, status or OLT could be read" if told.unread else "no outage, nor the end of one"
        text = "✗ alert {number}: {why}; it has {has}"
        yield said(text, number=number, why=said(why), has=has or said("nothing"))


def _each(found: Any) -> Iterator[tuple[Any, Any]]:
    """Every alert of a body, and a body that has it alone."""
    if isinstance(found, Mapping) and isinstance(found.get("alerts"), list):
        yield from ((alert, {**found, "alerts": [alert]}) for alert in found["alerts"])
    else:
        rows = found if isinstance(found, list) else [found]
        yield from ((row, row) for row in rows)
