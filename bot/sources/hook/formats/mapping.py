"""Which of a sender's labels, tags and annotations is which field of ours."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bot.domain.incident import Kind
from bot.sources.fields import ID_AT_MOST, NAME_AT_MOST, count_of, free_text, plain
from bot.sources.hook.told import SERIALS_AT_MOST, Mapped

DEFAULT: Mapped = {
    "olt": ("olt", "olt_name", "instance", "host"),
    "slot": ("slot", "board"),
    "pon": ("pon", "port"),
    "cause": ("cause", "alert_type", "reason"),
    "affected": ("affected",),
    "total": ("total",),
    "onus": ("onus",),
}
"""Where each field is looked for, in this order, after the labels that `HOOK_NAME_MAP` names for it."""

_NAME = "alertname"
_WHOLE_PLACES = ("pon_port", "interface", "ifName")  # slot and PON in one: their last two numbers
_ONUS_OWN = ("onu", "onu_id")  # an alert with one of these is of one ONU
_ONU = re.compile(r":[0-9]+\s*$")  # `gpon-onu_1/6/15:3` is one ONU of 6/15
_PATH = re.compile(r"[0-9]+(?:[/._ -][0-9]+)+")
_NAMED = re.compile(r"(?:slot|board|placa)[^0-9]{0,3}([0-9]+)[^0-9]+([0-9]+)", re.IGNORECASE)
_NUMBER = re.compile(r"[0-9]+")
_PLACE_AT_MOST = 9999  # the number of a slot or a PON; what is more counts something else
_POWER = ("power", "energia", "dying")
_LOSS = ("fibra", "loss")
_LOS = re.compile(  # a word, or a part of a name in CamelCase: closed slots and São Carlos have light
    r"(?<![^\W\d_])(?i:g?pon|olt|on[tu])?(?:(?i:losi?)(?![^\W\d_])|(?:los|Los|LOS)(?=[A-Z][a-z]))"
    r"|(?<=[a-z])L(?:os|OS)(?![^\W\d_A-Z])"
)
_OPTICAL = ("optic", "otic", "rx", "tx", "dbm", "low", "baix")  # a level of light, not the mains
_PACKETS = ("packet", "pacote")


def parsed(text: str) -> Mapped:
    """`olt=sysName,pon=ifDescr|ifAlias` as labels by field; ValueError with the entry that cannot be read."""
    found: dict[str, tuple[str, ...]] = {}
    for entry in filter(None, (part.strip() for part in text.split(","))):
        field, _, labels = entry.partition("=")
        names = tuple(name for label in labels.split("|") if (name := label.strip()))
        if field.strip() not in DEFAULT or not names or field.strip() in found:
            raise ValueError(entry[:NAME_AT_MOST])
        found[field.strip()] = names
    return found


@dataclass(frozen=True, slots=True)
class Labels:
    """What one alert carries: its labels, before its annotations, and the mapping of its source."""

    labels: Mapping[str, Any]
    annotations: Mapping[str, Any]
    mapping: Mapped

    @property
    def olt(self) -> str:
        """What the sender calls the OLT; empty where it says none."""
        return next(self.texts("olt"), "")

    @property
    def place(self) -> tuple[int, int] | None:
        """Slot and PON; None where they cannot be read, or where two labels contradict each other."""
        slot = next((found[-1] for text in self.texts("slot") if (found := _numbers(text))), None)
        for text in self._places():
            found = _place(_ONU.sub("", text))
            if len(found) == 1 and slot is not None:
                found = [slot, *found]
            if len(found) > 1:
                agree = slot in {None, found[-2]} and max(found[-2:]) <= _PLACE_AT_MOST
                return (found[-2], found[-1]) if agree else None
        return None

    @property
    def of_one_onu(self) -> bool:
        """Whether it is of one ONU, and not of its PON."""
        return any(map(_ONU.search, self._places())) or any(self.labels.get(name) for name in _ONUS_OWN)

    @property
    def kind(self) -> Kind:
        """What the first label says that names a kind; else what the alert is called says it.

        That of one ONU is OTHER where it is not said which: not everybody on its port is without service.
        """
        if self.of_one_onu and not self.serials:
            return Kind.OTHER
        names = (*self.texts("cause"), _text(self.labels.get(_NAME)), _text(self.annotations.get(_NAME)))
        return next((kind for name in names if (kind := kind_of(name)) is not Kind.OTHER), Kind.OTHER)

    def count(self, field: str) -> int | None:
        """`affected` or `total`; None where no number is there."""
        return next((count for text in self.texts(field) if (count := count_of(text)) is not None), None)

    @property
    def serials(self) -> tuple[str, ...]:
        """Those of `onus`, a text with commas or a list of texts or of objects; in capitals, each once."""
        said = next((value for value in self._values("onus") if value and isinstance(value, str | list)), "")
        rows = said.split(",", SERIALS_AT_MOST) if isinstance(said, str) else said
        texts = (_text(row.get("sn") if isinstance(row, Mapping) else row) for row in rows[:SERIALS_AT_MOST])
        written = (re.sub("[^0-9A-Za-z]", "", text)[:ID_AT_MOST].upper() for text in texts)
        return tuple(dict.fromkeys(filter(None, written)))

    def texts(self, field: str) -> Iterator[str]:
        """What is said of a field, the first that counts first."""
        return filter(None, map(_text, self._values(field)))

    def _places(self) -> Iterator[str]:
        yield from self.texts("pon")
        wholes = (part.get(name) for name in _WHOLE_PLACES for part in (self.labels, self.annotations))
        yield from filter(None, map(_text, wholes))

    def _values(self, field: str) -> Iterator[Any]:
        for name in (*self.mapping.get(field, ()), *DEFAULT[field]):
            yield self.labels.get(name)
            yield self.annotations.get(name)


def _text(value: Any) -> str:
    return free_text(int(value) if isinstance(value, float) and value.is_integer() else value)


def part_of(alert: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """`labels` or `annotations` of an alert; empty where it has none."""
    part = alert.get(name)
    return part if isinstance(part, Mapping) else {}


def kind_of(name: str) -> Kind:
    """What an alert is, by what it or its cause is called; OTHER for any other name.

    A loss of power is no loss of light, little power of light is no power failure, lost packets are neither.
    """
    words = plain(name)
    if _any(_POWER, words) and not _any(_OPTICAL, words):
        return Kind.POWER
    is_lost = _LOS.search(name) is not None or _any(_LOSS, words)
    return Kind.LOS if is_lost and not _any(_PACKETS, words) else Kind.OTHER


def _any(parts: tuple[str, ...], words: str) -> bool:
    return any(part in words for part in parts)


def _place(text: str) -> list[int]:
    """The numbers that belong together; one that stands alone; none where it is not said what they are."""
    paths = _PATH.findall(text) or [" ".join(pair) for pair in _NAMED.findall(text)]
    found = _numbers(paths[-1] if paths else text)
    return found if paths or len(found) == 1 else []


def _numbers(text: str) -> list[int]:
    return [int(number) for number in _NUMBER.findall(text)]
