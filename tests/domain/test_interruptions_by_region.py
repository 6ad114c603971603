"""The month's report where there are several NOCs: whose each row was, and the sums of each."""

from bot.chat.screens.pages.month import COLUMNS, month_csv, month_summary
from bot.domain.interruptions.counting import Interruptions, counted
from tests.chat.screens import EN
from tests.domain.test_interruptions import NOVEMBER, row


def found(*regions: str) -> Interruptions:
    rows = [row(0, 60 + n, str(n), case=n, region=region) for n, region in enumerate(regions, start=1)]
    return Interruptions(NOVEMBER, NOVEMBER.next, counted(rows, [], NOVEMBER))


def test_each_region_has_its_sums_and_each_row_its_region() -> None:
    made = found("SUL", "NORTE", "NORTE", "")
    lines = month_summary(made, EN)
    [north, south, none] = [line for line in lines if line.startswith(("NORTE", "SUL", "No region"))]
    assert north == "NORTE: 2 customers, 125 minutes"
    assert (south, none) == ("SUL: 1 customer, 61 minutes", "No region: 1 customer, 64 minutes")
    head, first, *_ = b"".join(month_csv(made, EN)).decode("utf-8-sig").splitlines()
    assert head.endswith("region")
    assert first.endswith("SUL")


def test_with_one_noc_there_is_no_word_of_regions() -> None:
    made = found("", "")
    assert not any("region" in line.lower() for line in month_summary(made, EN))
    head = b"".join(month_csv(made, EN)).decode("utf-8-sig").splitlines()[0]
    assert head.count(COLUMNS[-1]) == 1
    assert "region" not in head
