import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from phonenumbers.phonenumberutil import _VALID_PUNCTUATION

from bot.domain.phone import NoPhone, Phone, mask, parse_phone, phone_key, without_phones, without_these

# It is a class of a regular expression: with a range, and brackets escaped.
PUNCTUATION = sorted({*_VALID_PUNCTUATION.replace("\\", ""), *"\u2010\u2011\u2012\u2013\u2014\u2015"})


@pytest.mark.parametrize(
    ("text", "digits"),
    [
        ("(61) 99999-0001", "5561999990001"),
        ("61999990001", "5561999990001"),
        ("061 99999-0001", "5561999990001"),
        ("+55 61 99999-0001", "5561999990001"),
        ("5561999990001", "5561999990001"),
        ("(61) 9999-0001", "5561999990001"),  # an old mobile, before the ninth digit
        ("55 61 9999-0001", "5561999990001"),
        ("(61) 3333-4444 / (61) 98888-0002", "5561988880002"),  # the landline is passed over
        ("Maria (61) 98888-0002", "5561988880002"),
        ("61 98888-0002; 61 97777-0003", "5561988880002"),
        ("61 98888-0002 ou 61 97777-0003", "5561988880002"),
        ("(55) 99999-0001", "5555999990001"),  # area code 55 is not the country code
        ("55999990001", "5555999990001"),
        ("5599990001", "5555999990001"),
        ("(61) 9999-0000 ramal 3", "5561999990000"),  # what follows is no part of the number
        ("61 99999-0000 apto 12", "5561999990000"),
        ("+55 (61) 99999-0000 casa 2", "5561999990000"),
        ("015 61 99999-0001", "5561999990001"),  # with a carrier code
        ("(0xx61) 99999-0001", "5561999990001"),
        ("(+55) 61 9.9999-0001", "5561999990001"),
        ("61 9 9999 0001", "5561999990001"),
        ("61999990001\n61988880000", "5561999990001"),
        ("61999990001 61988880000", "5561999990001"),
        ("(61)99999-0001 - (61)98888-0000", "5561999990001"),
        ("61 3333-4444 61 99999-0001", "5561999990001"),
        ("0055 61 99999-0001", "5561999990001"),
        ("005561999990001", "5561999990001"),
        ("＋55 61 99999-0001", "5561999990001"),
        ("\u202a+55 61 99999-0001\u202c", "5561999990001"),
        ("+51 987 654 321 / (61) 99999-0001", "5561999990001"),  # the one of Peru is passed over
        ("６１ ９９９９９-０００１", "5561999990001"),
        ("61/99999.0001", "5561999990001"),
        ("[61] 99999-0001", "5561999990001"),
        ("( 61 ) (9) 9999-0001", "5561999990001"),
        ("0xx61 99999-0001", "5561999990001"),
        ("(11) 3333-4444 / 98888-0001", "5511988880001"),  # the second has the first one's area code
        ("(11) 3333-4444/98888-0001", "5511988880001"),
        ("(11) 3333-4444 ou 98888-0001", "5511988880001"),
        ("(11) 3333-4444 e cel: 98888-0001", "5511988880001"),
        ("(11) 3333-4444; 3333-5555, 988880001", "5511988880001"),
        ("(11) 3333-4444\n8888-0001", "5511988880001"),
        ("(11) 3333-4444 98888-0001", "5511988880001"),
        ("(11) 3333-4444 / (21) 3333-4444 / 98888-0001", "5521988880001"),
    ],
)
def test_first_mobile_number_is_found(text: str, digits: str) -> None:
    assert parse_phone(text) == Phone(digits)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", NoPhone.EMPTY),
        ("não tem", NoPhone.EMPTY),
        ("(61) 3333-4444", NoPhone.LANDLINE),
        ("(61) 3333-4444 / 123", NoPhone.LANDLINE),
        ("99999999999", NoPhone.INVALID),
        ("(61) 99999-9999", NoPhone.INVALID),
        ("(61) 00000-0000", NoPhone.INVALID),
        ("(00) 99999-0001", NoPhone.INVALID),
        ("(20) 99999-0001", NoPhone.INVALID),
        ("123", NoPhone.INVALID),
        ("1", NoPhone.INVALID),
        ("999990001", NoPhone.INVALID),
        ("tel: 3333-4444, cel 99999-0000 ddd 61", NoPhone.INVALID),  # no area code where one belongs
        ("CPF 123.456.789-00", NoPhone.INVALID),
        ("CNPJ 12.345.678/0001-99", NoPhone.INVALID),
        ("619999900011", NoPhone.INVALID),
        ("+51 987 654 321", NoPhone.FOREIGN),
        ("+51987654321", NoPhone.FOREIGN),
        ("+ 51 98765-4321", NoPhone.FOREIGN),
        ("(+51) 98765-4321", NoPhone.FOREIGN),
        ("＋51 98765-4321", NoPhone.FOREIGN),
        ("0051987654321", NoPhone.FOREIGN),
        ("00 51 98765-4321", NoPhone.FOREIGN),
        ("+1 (619) 999-9000", NoPhone.FOREIGN),
        ("+351 961 999 999", NoPhone.FOREIGN),
        ("tel. +598 99 999 000 (Uruguai)", NoPhone.FOREIGN),
        ("+51 987654321 61 99999-0001", NoPhone.FOREIGN),  # where one ends and the other begins nobody knows
        ("+55 99999-0001", NoPhone.INVALID),  # an explicit country is no area code
        ("+5599990001", NoPhone.INVALID),
        ("+ 55 99999-0001", NoPhone.INVALID),
        ("5.5119E+12", NoPhone.INVALID),
        ("1,19E+10", NoPhone.INVALID),
        ("6.1999990001E10", NoPhone.INVALID),
        ("5.561999990001e12", NoPhone.INVALID),
        ("61E9", NoPhone.INVALID),
        ("98888-0001", NoPhone.INVALID),
        ("98888-0001 / (11) 3333-4444", NoPhone.LANDLINE),
        ("(11) 3333-4444 contrato 98765432", NoPhone.LANDLINE),
        ("(11) 3333-4444 98765432", NoPhone.LANDLINE),
        ("(11) 3333-4444 / 5555", NoPhone.LANDLINE),
    ],
)
def test_why_there_is_none(text: str, reason: NoPhone) -> None:
    assert parse_phone(text) == reason


@given(st.text(max_size=60))
def test_any_text_ends_in_a_number_or_a_reason(text: str) -> None:
    found = parse_phone(text)
    if isinstance(found, Phone):
        assert found.digits.isascii()
        assert len(found.digits) == 13
        assert found.digits[:2] == "55"
        assert found.digits[4] == "9"


def test_the_same_person_with_and_without_the_ninth_digit() -> None:
    assert phone_key("5561999990001") == phone_key("556199990001") == "6199990001"
    assert Phone("5561999990001").key == "6199990001"


def test_mask_shows_area_first_digit_and_last_four() -> None:
    assert mask("5561999990001") == "(61) 9****-0001"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("pediu do (61) 98888-7777, de noite", "pediu do ****7777, de noite"),
        ("ligar no 3333-4444", "ligar no ****4444"),
        ("+55 61 9 8888 7777 e 988887777", "****7777 e ****7777"),
        ("em 26/11/2026, protocolo 12345678901234", "em 26/11/2026, protocolo 12345678901234"),
        ("caso 12", "caso 12"),
        ("", ""),
    ],
)
def test_a_text_without_its_phones(text: str, left: str) -> None:
    assert without_phones(text) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("pediu do (61) 98888-7777, de noite", "pediu do ****7777, de noite"),
        ("+55 61 9 8888 7777 e 988887777", "****7777 e ****7777"),
        ("061 8888.7777/88887777", "****7777/****7777"),
        ("６１ ９８８８８–７７７７ ok", "****7777 ok"),
        ("0055 61 98888-7777", "0055 ****7777"),
        ("protocolo 1988887777", "protocolo 1988887777"),
        ("poste 98888777, 61 98888-7778", "poste 98888777, 61 98888-7778"),
        ("", ""),
    ],
)
def test_a_text_without_one_phone(text: str, left: str) -> None:
    assert without_these(text, ["6111112222", "6188887777"]) == left


@given(st.from_regex(r"\(?[1-9]{2}\)? ?9[6-9][0-9]{3}-?[0-9]{4}", fullmatch=True), st.sampled_from("x ,."))
def test_no_phone_is_left(phone: str, after: str) -> None:
    assume(isinstance(parse_phone(phone), Phone))
    assert not isinstance(parse_phone(without_phones(f"de {phone}{after} pediu")), Phone)


@pytest.mark.parametrize("character", PUNCTUATION)
def test_every_punctuation_that_the_library_names_may_stand_between_the_groups(character: str) -> None:
    assert parse_phone(f"61{character}99999{character}0001") == Phone("5561999990001")
    assert parse_phone(f"(61){character}{character}9{character}9999{character}0001") == Phone("5561999990001")


@pytest.mark.parametrize("character", "\u2009\u202f\u2011\u2014\u301c")
def test_so_may_other_dashes_and_spaces(character: str) -> None:
    assert parse_phone(f"61{character}99999{character}0001") == Phone("5561999990001")
