"""Brazilian phone numbers: from free text to one that WhatsApp takes.

Rules and what was measured about the library: design, section 6. Numbers leave here as digits with the
country code (`5561999990000`).
"""

import re
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberType

# A number as people write it, so that what stands beside it (an extension, a flat, a second number) does not
# become part of it: [+55] [0, carrier] area code, 8 or 9 digits in two groups.
_NUMBER = re.compile(
    r"(?<![0-9])(?:\+?55\)?[\s.-]*)?(?:0[0-9]{2}[\s.-]*)?"
    r"\(?0?(?P<area>[0-9]{2})\)?[\s.-]*(?P<first>(?:9[\s.-]?)?[0-9]{4})[\s.-]*(?P<last>[0-9]{4})(?![0-9])"
)
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_OLD_LENGTH = 8
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
    reason = NoPhone.INVALID if re.search("[0-9]", text) else NoPhone.EMPTY
    for number in _NUMBER.finditer(text):
        found = _mobile(number["area"], re.sub("[^0-9]", "", number["first"] + number["last"]))
        if isinstance(found, Phone):
            return found
        if found is NoPhone.LANDLINE:
            reason = found
    return reason


def mask(digits: str) -> str:
    """`(61) 9****-0001`: enough to recognise one's own number, too little to call it."""
    return f"({digits[2:4]}) {digits[4]}****-{digits[-4:]}"


def _mobile(area: str, local: str) -> Phone | NoPhone:
    if len(set(local)) == 1:
        return NoPhone.INVALID
    if len(local) == _OLD_LENGTH and local[0] in _OLD_MOBILE_STARTS:
        local = f"9{local}"
    number = phonenumbers.parse(f"+55{area}{local}")
    if not phonenumbers.is_valid_number_for_region(number, "BR"):
        return NoPhone.INVALID
    if phonenumbers.number_type(number) not in _MOBILE:
        return NoPhone.LANDLINE
    return Phone(f"55{area}{local}")
