"""Which label is which field: the default order, what a setting puts before it, what is not guessed."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.domain.incident import Kind
from bot.sources.hook.formats.mapping import DEFAULT, Labels, kind_of, parsed
from bot.sources.hook.told import Mapped


def labels(mapping: Mapped | None = None, annotations: dict[str, Any] | None = None, **given: Any) -> Labels:
    return Labels(given, annotations or {}, mapping or {})


@pytest.mark.parametrize(
    ("given", "place"),
    [
        ({"slot": "6", "pon": "15"}, (6, 15)),
        ({"board": "6", "port": "15"}, (6, 15)),
        ({"slot": 6, "pon": 15}, (6, 15)),
        ({"slot": 6.0, "pon": 15.0}, (6, 15)),
        ({"slot": "slot-6", "pon": "PON 15"}, (6, 15)),
        ({"slot": "0/6", "pon": "0/6/15"}, (6, 15)),
        ({"pon_port": "gpon-olt_1/6/15"}, (6, 15)),
        ({"interface": "0/6/15"}, (6, 15)),
        ({"ifName": "6/15"}, (6, 15)),
        ({"ifName": "GPON0/6/15"}, (6, 15)),
        ({"ifName": "CB-01 6/15"}, (6, 15)),
        ({"ifName": "6/15 (CB 01)"}, (6, 15)),
        ({"ifName": "1-6-15"}, (6, 15)),
        ({"ifName": "Slot 6, Port 15"}, (6, 15)),
        ({"pon": "6/15"}, (6, 15)),
        ({"interface": "gpon-onu_1/6/15:3"}, (6, 15)),
        ({"port": "161", "interface": "gpon-olt_1/6/15"}, (6, 15)),  # another port than that of a PON
        ({"slot": "6", "interface": "gpon-olt_1/6/15"}, (6, 15)),
    ],
)
def test_a_place(given: dict[str, Any], place: tuple[int, int]) -> None:
    assert labels(**given).place == place


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"slot": "6"},
        {"pon": "15"},
        {"slot": "", "pon": "15"},
        {"interface": "uplink"},
        {"interface": "pon15"},
        {"interface": "PON 15 (CB-01)"},  # two numbers, of two things
        {"slot": "6", "interface": "gpon-olt_1/7/15"},  # which of the two is right?
        {"slot": "6", "pon": "7/15"},
        {"slot": "6", "pon": "99999"},
        {"slot": "٦", "pon": "١٥"},
        {"slot": None, "pon": ["15"]},
        {"slot": True, "pon": 15},
    ],
)
def test_no_place_where_it_would_be_a_guess(given: dict[str, Any]) -> None:
    assert labels(**given).place is None


def test_the_setting_comes_before_the_default_order_and_the_order_goes_on_where_it_finds_nothing() -> None:
    mapping = parsed("olt=sysName|site, pon=ifDescr")
    alert: dict[str, Any] = {
        "olt": "172.16.0.1",
        "site": "CB 01",
        "interface": "0/1/1",
        "ifDescr": "gpon-olt_1/6/15",
    }
    assert labels(mapping, **alert).olt == "CB 01"
    assert labels(mapping, **alert).place == (6, 15)
    assert labels(mapping, instance="10.0.0.9:9116", interface="0/1/1").olt == "10.0.0.9:9116"
    assert labels(mapping, instance="10.0.0.9:9116", interface="0/1/1").place == (1, 1)


def test_a_label_comes_before_an_annotation_of_its_name() -> None:
    assert labels(annotations={"affected": "33", "total": "61"}).count("affected") == 33
    assert labels(annotations={"affected": "33"}, affected="34").count("affected") == 34
    assert labels(annotations={"affected": "33"}, affected="many").count("affected") == 33
    assert labels().count("total") is None


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("PonLos", Kind.LOS),
        ("los", Kind.LOS),
        ("Rompimento de fibra", Kind.LOS),
        ("GponOpticalLossOfSignal", Kind.LOS),
        ("OltPowerFailure", Kind.POWER),
        ("Falta de energia", Kind.POWER),
        ("dying-gasp", Kind.POWER),
        ("PowerLoss", Kind.POWER),
        ("RxPowerLow", Kind.OTHER),
        ("PotenciaOptica", Kind.OTHER),
        ("Optical power too high", Kind.OTHER),
        ("PacketLoss", Kind.OTHER),
        ("HighTemperature", Kind.OTHER),
        ("GponLOSAlarm", Kind.LOS),
        ("gponLosAlarm", Kind.LOS),
        ("gpon_los", Kind.LOS),
        ("OLT_LOS", Kind.LOS),
        ("los_count", Kind.LOS),
        ("LOS em 6/15", Kind.LOS),
        ("LOSi", Kind.LOS),
        ("ONU-LOS: PON 6/15", Kind.LOS),
        ("PON15LOS", Kind.LOS),
        ("PONLOS", Kind.LOS),
        ("ponlos", Kind.LOS),
        ("OLTLOS", Kind.LOS),
        ("LOSS", Kind.LOS),
        ("losCount", Kind.LOS),
        ("PONLosAlarm", Kind.LOS),
        ("Temperatura alta São Carlos", Kind.OTHER),
        ("SÃO CARLOS", Kind.OTHER),
        ("slot closed", Kind.OTHER),
        ("SlotClosed", Kind.OTHER),
        ("Losango", Kind.OTHER),
        ("Sem resposta dos módulos", Kind.OTHER),
        ("PortLosangeles", Kind.OTHER),
        ("LOSANGO", Kind.OTHER),
        ("", Kind.OTHER),
    ],
)
def test_a_name_says_the_kind(name: str, kind: Kind) -> None:
    assert kind_of(name) is kind


def test_the_cause_comes_before_the_name_of_the_alert() -> None:
    assert labels(cause="power", alertname="PonLos").kind is Kind.POWER
    assert labels(reason="see the wiki", alertname="PonLos").kind is Kind.LOS
    assert labels(alertname="PonDown").kind is Kind.OTHER
    assert labels(parsed("cause=type"), type="LOS", cause="power").kind is Kind.LOS


def test_serials_are_written_with_commas() -> None:
    said = labels(annotations={"onus": " ztegc1234567, HWTC-00AA11BB ,, ZTEGC1234567"})
    assert said.serials == ("ZTEGC1234567", "HWTC00AA11BB")
    assert labels(onus=7).serials == ()
    assert labels(onus=[{"sn": "ztegc1"}, "hwtc2", {"sn": None}, {}, 7]).serials == ("ZTEGC1", "HWTC2", "7")
    assert labels(onus="a" * 1000).serials == ("A" * 40,)


@pytest.mark.parametrize("given", [{"interface": "gpon-onu_1/6/15:3"}, {"pon": "6/15", "onu": "3"}])
def test_one_onu_is_not_its_pon(given: dict[str, Any]) -> None:
    assert labels(**given).of_one_onu
    assert not labels(interface="gpon-olt_1/6/15").of_one_onu


@pytest.mark.parametrize(
    "text", ["olt", "olt=", "olt=|", "bairro=x", "olt=a,olt=b", "=x", "olt=a;pon=b,pon", "slot=6=7,pon"]
)
def test_a_mapping_that_cannot_be_read_is_refused_with_its_entry(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parsed(text)


def test_an_empty_mapping_is_the_default_order() -> None:
    assert parsed(" , ") == {}


texts = st.text(max_size=30) | st.from_regex(r"[a-z_\-]*[0-9/:]{0,12}", fullmatch=True)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | texts, lambda inner: st.lists(inner, max_size=3)
)
names = st.sampled_from([*DEFAULT, "board", "port", "interface", "ifName", "alertname", "host", "onu_id"])


@settings(max_examples=40)
@given(st.dictionaries(names, anything), st.dictionaries(names, anything))
def test_whatever_a_label_holds_what_is_read_has_its_limits(
    given: dict[str, Any], annotations: dict[str, Any]
) -> None:
    found = Labels(given, annotations, parsed("olt=host,pon=ifName"))
    assert len(found.olt) <= 120
    assert found.place is None or max(found.place) <= 9999
    assert all(0 < len(serial) <= 40 and serial.isalnum() for serial in found.serials)
    assert all(0 <= (found.count(field) or 0) <= 1_000_000 for field in ("affected", "total"))
    assert found.kind in Kind
    assert found.of_one_onu in {True, False}
