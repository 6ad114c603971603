"""What stands of all that was told: what is on, what is over, and which news is older than what is known."""

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.domain.causes.told import parts
from bot.domain.incident import Kind
from bot.ports import Heard
from bot.sources.fields import NAME_AT_MOST
from bot.sources.hook.told import SERIALS_AT_MOST, Telling, Told

OPEN_AT_MOST = 2_000
OVER_AT_MOST = 1_000
"""Of those that are over so many are known, the last ones: for who tells late, and for "voltou"."""
SERIAL_AT_MOST = 40  # characters
SEEN_WITHIN = timedelta(hours=1)
SECOND_WORD = timedelta(minutes=2)
"""What is over and is told as on with the start that it had is late news; still told after this, it is on."""
AT_ONCE = timedelta(seconds=30)
"""So far apart may be what a sender tells in order, but through two of its kind, or two connections."""
_KEY = re.compile(r"[A-Za-z0-9_.-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What stands of one outage.

    `time` counts how often it began. `opened` and `heard` are when it was first and last told as on, `over`
    is when it was told to be over. `back` are ONUs that were told of and are not any more. `late` is when
    old news of it came. `whole`: all of its port was down by it once and no ONU was named, so whoever is
    there may have been told.
    """

    told: Told
    time: int
    opened: datetime
    heard: datetime
    over: datetime | None = None
    back: tuple[str, ...] = ()
    late: datetime | None = None
    whole: bool = False

    @property
    def on(self) -> bool:
        """Whether it is not over."""
        return self.over is None


@dataclass(frozen=True, slots=True)
class Judged:
    """What stands now (None: nothing), whether what was told counts, and whether it must be durable first."""

    after: Standing | None
    counts: bool = True
    news: bool = True


class Draft:
    """What tellings would change: `changed` by key, `news` the keys of what has to be durable first."""

    def __init__(self, standing: Mapping[str, Standing]) -> None:
        self._before = standing
        self._on = sum(one.on for one in standing.values())
        self.changed: dict[str, Standing] = {}
        self.news: set[str] = set()

    def hear(self, telling: Telling, now: datetime) -> Heard:
        """Take a telling in, what it says of one outage after the other."""
        accepted, full = 0, False
        for told in map(_limited, telling.told):
            key = told.id
            before = self.changed.get(key) or self._before.get(key)
            judged = judge(before, told, now)
            after = judged.after or before
            more = int(after is not None and after.on) - int(before is not None and before.on)
            if more > 0 and self._on >= OPEN_AT_MOST:
                full = True
                continue
            self._on += more
            accepted += judged.counts
            if judged.after is not None:
                self.changed[key] = judged.after
                self.news |= {key} if judged.news else set()
        return Heard(accepted, telling.ignored + len(telling.told) - accepted, full)


def heard_again(standing: Mapping[str, Standing], telling: Telling, now: datetime) -> dict[str, Standing]:
    """What is on and is told again by a delivery that was taken in before: it is still on, and no more."""
    those = (key_of(told.id) for told in telling.told if told.open)
    return {key: replace(standing[key], heard=now) for key in those if key in standing and standing[key].on}


def _limited(told: Told) -> Told:
    """Its key for its id, and no more than is kept; a character that no file can hold is a question mark."""
    serials = (_plain(one)[:SERIAL_AT_MOST] for one in told.serials[:SERIALS_AT_MOST])
    olt = _plain(told.olt)[:NAME_AT_MOST].strip()
    return replace(told, id=key_of(told.id), olt=olt, serials=tuple(filter(None, serials)))


def _plain(text: str) -> str:
    return " ".join(text.encode(errors="replace").decode().split())


def key_of(id_: str) -> str:
    """What an outage is known by: its id, or what stands for one that is long or odd."""
    if _KEY.fullmatch(id_):
        return id_
    return "." + hashlib.sha256(id_.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def judge(before: Standing | None, told: Told, now: datetime) -> Judged:
    """What stands after this was told. A repetition is no news, and older news than is known is nothing."""
    if before is None:
        if told.open:
            return _begun(None, told, now)
        # Never told as on. It is known all the same: late news of it opens nothing.
        return Judged(Standing(told=told, time=1, opened=now, heard=now, over=now), counts=False)
    if before.over is not None:
        return _after_over(before, before.over, told, now)
    return _while_on(before, told, now)


def _while_on(before: Standing, told: Told, now: datetime) -> Judged:
    known, said = before.told.started, told.ended or told.started
    if said is not None and known is not None and said < known:
        heard = replace(before, heard=now) if told.open else None
        return Judged(heard, counts=False, news=False)
    if not told.open:
        return Judged(replace(before, told=replace(before.told, ended=told.ended), over=now))
    if _is_elsewhere(before.told, told):
        return _begun(before, told, now)
    merged = _merged(before.told, told)
    gone = (*before.back, *before.told.serials)
    back = tuple(dict.fromkeys(one for one in gone if one not in merged.serials))
    after = replace(before, told=merged, back=back, whole=before.whole or is_whole(merged))
    return Judged(replace(after, heard=now), news=after != before)


def _begun(before: Standing | None, told: Told, now: datetime) -> Judged:
    if not told.olt:
        return Judged(None, counts=False)  # nobody knows where it is
    time = 1 if before is None else before.time + 1
    return Judged(Standing(told=told, time=time, opened=now, heard=now, whole=is_whole(told)))


def _after_over(before: Standing, over: datetime, told: Told, now: datetime) -> Judged:
    if not told.open:
        return Judged(None)
    known = before.told.ended or before.told.started or over
    late = told.started is not None and told.started <= known
    if late and _may_be_old(before, over, told, now):
        return Judged(replace(before, late=before.late or now), counts=False, news=before.late is None)
    return _begun(before, told, now)


def _may_be_old(before: Standing, over: datetime, told: Told, now: datetime) -> bool:
    if told.in_order:
        return now - over < AT_ONCE
    return before.late is None or now - before.late < SECOND_WORD


def _is_elsewhere(before: Told, told: Told) -> bool:
    """Whether its sender has used an id anew for another place: one that is told nowhere is where it was."""
    places = {(one.slot, one.pon) for one in (before, told) if one.slot is not None}
    olts = {parts(one.olt) for one in (before, told) if one.olt}
    return len(places) > 1 or len(olts) > 1


def _merged(before: Told, told: Told) -> Told:
    """What is told now; where that says nothing, what was told before."""
    return replace(
        told,
        kind=before.kind if told.kind is Kind.OTHER else told.kind,
        olt=told.olt or before.olt,
        slot=before.slot if told.slot is None else told.slot,
        pon=before.pon if told.pon is None else told.pon,
        started=told.started or before.started,
        affected=before.affected if told.affected is None else told.affected,
        total=before.total if told.total is None else told.total,
        serials=told.serials or before.serials,
    )


def is_full(standing: Mapping[str, Standing]) -> bool:
    """Whether there is room for no outage more."""
    return sum(one.on for one in standing.values()) >= OPEN_AT_MOST


def is_whole(told: Told) -> bool:
    """Whether all ONUs of a port are down and none is named; not where it may be some of them."""
    placed = told.slot is not None and told.pon is not None and told.kind is not Kind.OTHER
    return placed and not told.serials and bool(told.affected) and told.affected == told.total


def forgotten(standing: Mapping[str, Standing], now: datetime) -> list[str]:
    """The keys of those that are over and need not be known any more, the oldest first.

    What was on, and is over since less than `SEEN_WITHIN`, may not have been read yet: it stays as long as no
    more of it are over than can be on at one time.
    """
    over = sorted((one.over, key, one.opened) for key, one in standing.items() if one.over is not None)
    most, more = len(over) - OVER_AT_MOST, len(over) - OVER_AT_MOST - OPEN_AT_MOST
    new = {key for at, key, opened in over if opened < at and now - at < SEEN_WITHIN}
    left = [key for _, key, _ in over if key not in new] + [key for _, key, _ in over if key in new]
    return [key for n, key in enumerate(left) if n < more or (n < most and key not in new)]
