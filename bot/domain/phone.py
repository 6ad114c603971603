"""Brazilian phone numbers: from free text to one that WhatsApp takes.

The library knows the numbering plan, and not how people write: it refuses the mobiles of old, of eight digits
(the 9 is put in and it is asked again), and takes 99999999999 (one digit repeated is no phone). Numbers leave
here as digits with the country code (`5561999990000`).
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

import phonenumbers
from phonenumbers import PhoneNumberType

# Between the groups of a number, after `_plain`: the punctuation that libphonenumber names.
_GAP = r"[\s().\-/~xX]"
# A number as people write it, so that what stands beside it (an extension, a flat, a second number) does not
# become part of it. An explicit country is one, and no area code: the rest has to follow it.
_NUMBER = re.compile(
    rf"(?P<foreign>(?:\+|(?<![0-9])00(?=[1-9])|(?<![0-9(])00){_GAP}*(?!5{_GAP}*5)[1-9](?:[\s().\-~]*[0-9])*)"
    rf"|(?:(?:\+|(?<![0-9])00){_GAP}*55{_GAP}*|(?<![0-9+])(?<!\+[\s(])(?:55{_GAP}*)?)"  # [+55]
    rf"\(?(?:0(?:[1-9][0-9]|[xX]{{2}}){_GAP}*)?\(?0?(?P<area>[1-9][0-9]){_GAP}*"  # [0, carrier] area code
    rf"(?P<first>(?:9{_GAP}*)?[0-9]{{4}}){_GAP}*(?P<last>[0-9]{{4}})(?![0-9])"  # 8 or 9 digits
    rf"|(?<![0-9+])(?P<only_first>(?:9{_GAP}?)?[0-9]{{4}}){_GAP}?(?P<only_last>[0-9]{{4}})(?![0-9])"
)
# A spreadsheet's number, or Java's: most of its digits are lost, or are no phone's as they stand.
_EXPONENT = re.compile(r"(?<![0-9])[0-9]{1,3}(?:[.,][0-9]+)?[eE][+-]?[0-9]{1,3}(?![0-9])")
# What stands between two numbers of which the second has the first one's area code. A contract's number is
# no phone: without a sign between them, only what is written as a mobile (nine digits) is one.
_LABEL = r"(?:(?:cel|celular|tel|telefone|fone|whats\w*|wpp|zap)\b[\s().:]*)?"
_OR = re.compile(rf"[\s().:]*(?:[/;,|&\r\n\-]|ou\b|e\b|or\b|and\b)[\s().:]*{_LABEL}", re.IGNORECASE)
_BESIDE = re.compile(rf"[\s()\-]*{_LABEL}", re.IGNORECASE)
# What may be a phone within a sentence: digits, and what people write between them.
_LIKE_A_PHONE = re.compile(r"[+(]*\d(?:[\s().\-]*\d){7,}")
_SPACED = r"[^\w]{0,3}"  # between two digits of one that is looked for
_SPELT = str.maketrans("[]（）［］．／ー−⁓∼～＋", "()()()./--~~~+")
_MOBILE = {PhoneNumberType.MOBILE, PhoneNumberType.FIXED_LINE_OR_MOBILE}
_OLD_LENGTH, _LENGTH = 8, 9
_OLD_MOBILE_STARTS = "6789"


class NoPhone(StrEnum):
    """Why a text holds no number that can be messaged."""

    EMPTY = "no_phone"
    LANDLINE = "landline"
    INVALID = "bad_phone"
    FOREIGN = "foreign"


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
    reason = NoPhone.INVALID if any(map(str.isdecimal, text)) else NoPhone.EMPTY
    plain = _EXPONENT.sub("#", _plain(text))
    area, end = "", 0
    for number in _NUMBER.finditer(plain):
        if number["foreign"]:
            reason = NoPhone.FOREIGN
            continue
        local = re.sub(
            "[^0-9]", "", (number["first"] or number["only_first"]) + (number["last"] or number["only_last"])
        )
        if number["area"]:
            area = number["area"]
        elif not area or not _goes_with(plain[end : number.start()], local):
            continue
        end = number.end()
        found = _mobile(area, local)
        if isinstance(found, Phone):
            return found
        if found is NoPhone.LANDLINE:
            reason = found
    return reason


def _plain(text: str) -> str:
    """Digits, spaces, dashes and brackets of any script as those of ASCII."""
    return "".join(map(_plain_character, text.translate(_SPELT)))


def _plain_character(character: str) -> str:
    if character.isascii():
        return character
    if character.isdecimal():
        return str(unicodedata.decimal(character))
    return {"Pd": "-", "Zs": " ", "Cf": " "}.get(unicodedata.category(character), character)


def _goes_with(between: str, local: str) -> bool:
    """Whether a number without an area code is of the person whose other number stands before it."""
    written_as_mobile = len(local) == _LENGTH and _BESIDE.fullmatch(between) is not None
    return written_as_mobile or _OR.fullmatch(between) is not None


def mask(digits: str) -> str:
    """`(61) 9****-0001`: enough to recognise one's own number, too little to call it."""
    return f"({digits[2:4]}) {digits[4]}****-{digits[-4:]}"


def without_phones(text: str) -> str:
    """The text with each phone in it masked, a landline or one without its area code, too."""
    return _LIKE_A_PHONE.sub(lambda found: _masked(found[0]), text)


def without_these(text: str, keys: Iterable[str]) -> str:
    """The text with these phones masked, in any spelling (`keys` as `Phone.key`), and nothing else."""
    digits = re.sub("[^0-9]", "", _plain(text))
    for key in keys if len(digits) >= _OLD_LENGTH else ():
        if key[-8:] in digits:  # hardly ever, of thousands
            text = _without(text, key)
    return text


def _without(text: str, key: str) -> str:
    area, rest = key[:2], _SPACED.join(key[2:])
    before = rf"(?:(?:\+{_SPACED})?55{_SPACED})?(?:0?{area}{_SPACED})?(?:9{_SPACED})?"
    for found in reversed([*re.finditer(rf"(?<![0-9])\(?{before}{rest}(?![0-9])", _plain(text))]):
        text = f"{text[: found.start()]}****{key[-4:]}{text[found.end() :]}"
    return text


def _masked(text: str) -> str:
    """Its last four digits, if it is a phone; else the text."""
    read = (parse_phone(text), parse_phone(f"(11) {text}"))
    if not any(isinstance(found, Phone) or found is NoPhone.LANDLINE for found in read):
        return text
    return f"****{re.sub('[^0-9]', '', _plain(text))[-4:]}"


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
