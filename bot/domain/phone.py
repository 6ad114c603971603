"""Brazilian phone numbers: from free text to one that WhatsApp takes.

Rules and what was measured about the library: design, section 6. Numbers leave here as digits with the
country code (`5561999990000`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberType

_SEPARATORS = re.compile(r"[/;,|]|\s+(?:e|ou|or|and)\s+", re.IGNORECASE)
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_AREA_AND_OLD_NUMBER = 10
_OLD_MOBILE_STARTS = "6789"


class NoPhone(StrEnum):
    """Why a text holds no number that can be messaged."""

    EMPTY = "no_phone"
    LANDLINE = "landline"
    INVALID = "bad_phone"


@dataclass(frozen=True, slots=True)
class Phone:
    """A mobile number. `digits` go to the gateway; `key` (area code + last 8) tells people apart."""

    digits: str

    @property
    def key(self) -> str:
        """Area code and last eight digits: the same person with and without the ninth digit."""
        return phone_key(self.digits)


def phone_key(digits: str) -> str:
    """Area code and last eight digits of a number with country code."""
    return digits[2:4] + digits[-8:]


def parse_phone(text: str) -> Phone | NoPhone:
    """The first mobile number in a free text, or why there is none."""
    reason = NoPhone.EMPTY
    for part in _SEPARATORS.split(text):
        digits = re.sub(r"[^0-9]", "", part)
        if not digits:
            continue
        found = _mobile(digits)
        if isinstance(found, Phone):
            return found
        if reason is not NoPhone.LANDLINE:
            reason = found
    return reason


def mask(digits: str) -> str:
    """`(61) 9****-0001`: enough to recognise one's own number, too little to call it."""
    return f"({digits[2:4]}) {digits[4]}****-{digits[-4:]}"


def _mobile(digits: str) -> Phone | NoPhone:
    national = digits.lstrip("0")
    if len(national) > _AREA_AND_OLD_NUMBER + 1 and national.startswith("55"):
        national = national[2:].lstrip("0")
    if len(set(national[2:])) <= 1:
        return NoPhone.INVALID
    if len(national) == _AREA_AND_OLD_NUMBER and national[2] in _OLD_MOBILE_STARTS:
        national = f"{national[:2]}9{national[2:]}"
    try:
        number = phonenumbers.parse(national, "BR")
    except phonenumbers.NumberParseException:
        return NoPhone.INVALID
    if not phonenumbers.is_valid_number_for_region(number, "BR"):
        return NoPhone.INVALID
    if phonenumbers.number_type(number) not in _MOBILE:
        return NoPhone.LANDLINE
    return Phone(f"55{national}")
