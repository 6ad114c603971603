"""One ONU of an alert, as others tell of it."""

from bot.domain.customer import Link, Onu
from tests.fakes import port

ONU = Onu("Z1", "9", "Ana", Link.LOS, "3", True, "e1", "k1", port("1/1"), "onu Z1")


def test_only_what_is_told_of_it_is_another() -> None:
    empty = Onu("", None, "", Link.OTHER)
    assert all(mine != other for mine, other in zip(ONU, empty, strict=True))
    assert ONU.at(port("6/15"), None) == ONU._replace(port=port("6/15"), subject=None)
    assert ONU.told("4", over=False) == ONU._replace(incident="4", over=False)
