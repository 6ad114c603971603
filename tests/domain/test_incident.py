from dataclasses import replace

import pytest

from bot.domain.incident import Cause, Kind, probable_cause
from tests.fakes import incident


@pytest.mark.parametrize(
    ("kind", "affected", "cause"),
    [
        (Kind.POWER, 100, Cause.POWER),
        (Kind.LOS, 16, Cause.CTO),
        (Kind.LOS, 17, Cause.FIBRE),
        (Kind.LOS, None, Cause.UNKNOWN),
    ],
)
def test_probable_cause_by_kind_and_size(kind: Kind, affected: int | None, cause: Cause) -> None:
    assert probable_cause(incident(kind=kind, affected=affected)) is cause


def test_a_cto_alert_names_its_cto() -> None:
    alert = replace(incident(affected=40), alert_type="cto_loss", cto="CTO 12")
    assert probable_cause(alert) is Cause.NAMED_CTO
    assert probable_cause(replace(alert, cto=None)) is Cause.FIBRE


def test_a_port_is_read_as_olt_and_place() -> None:
    assert incident().port.label == "CB 01 6/15"
