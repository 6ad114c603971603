from dataclasses import replace

import pytest

from bot.domain.incident import Cause, Kind, probable_cause
from tests.fakes import incident


@pytest.mark.parametrize(
    ("kind", "affected", "cause"),
    [
        (Kind.POWER, 100, Cause.POWER),
        (Kind.LOS, 0, Cause.CUSTOMER),
        (Kind.LOS, 2, Cause.CUSTOMER),
        (Kind.POWER, 2, Cause.CUSTOMER_POWER),
        (Kind.POWER, 3, Cause.POWER),
        (Kind.POWER, None, Cause.POWER),
        (Kind.LOS, 3, Cause.CTO),
        (Kind.LOS, 16, Cause.CTO),
        (Kind.LOS, 17, Cause.FIBRE),
        (Kind.LOS, None, Cause.FIBRE),  # of 61
    ],
)
def test_probable_cause_by_kind_and_size(kind: Kind, affected: int | None, cause: Cause) -> None:
    assert probable_cause(incident(kind=kind, affected=affected)) is cause


def test_the_whole_element_counts_where_the_list_does_not_say_how_many_are_affected() -> None:
    silent = incident(affected=None)
    assert probable_cause(replace(silent, total=16)) is Cause.CTO
    assert probable_cause(replace(silent, total=None)) is Cause.UNKNOWN


def test_a_count_of_the_alert_itself_holds_until_the_list_says_something_else() -> None:
    silent, twelve = incident(affected=None), incident(affected=12)
    for listed in (silent, twelve):
        counted = listed.count(40).count(30)
        assert (counted.affected, counted.total, counted.counted) == (30, 61, True)
        assert listed.after(counted) == counted
        assert silent.after(counted) == counted
        assert incident(affected=13).after(counted) == incident(affected=13)
    large = twelve.count(300)
    assert (large.affected, large.total) == (300, None)  # no more than there are
    assert twelve.after(large) == large


def test_a_cto_alert_names_its_cto() -> None:
    alert = replace(incident(affected=40), alert_type="cto_loss", cto="CTO 12")
    assert probable_cause(alert) is Cause.NAMED_CTO
    assert probable_cause(replace(alert, cto=None)) is Cause.FIBRE
    assert probable_cause(replace(alert, affected=1)) is Cause.CUSTOMER


def test_a_port_is_read_as_olt_and_place() -> None:
    assert incident().port.label == "CB 01 6/15"
