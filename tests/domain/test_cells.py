"""A text from outside in a sheet: whatever a spreadsheet takes for the end of a cell, it runs none."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.domain.figures.cells import unrun

SIGNS = "=+-@＝＋－＠"


def sheet(text: str) -> str:
    out = io.StringIO(newline="")
    csv.writer(out, delimiter=";").writerow(["501", text, "x"])
    return out.getvalue()


def begun(sheet: str) -> list[str]:
    """What may begin a cell for one who divides it otherwise, as Excel in English does."""
    return [cell.lstrip(' "') for cell in re.split(r"[,;\t\r\n]", sheet)]


@pytest.mark.parametrize("sign", SIGNS)
@pytest.mark.parametrize(
    "before", ["", "  ", "\n", "Ana,", "Ana, ", "Ana;", 'Ana,"', "Ana\t", "Ana\n", "a,b,"]
)
def test_no_sign_begins_a_cell(before: str, sign: str) -> None:
    told = unrun(f"{before}{sign}1+1")
    assert told.replace("'", "", 1) == f"{before}{sign}1+1"
    assert not [cell for cell in begun(sheet(told)) if cell.startswith(tuple(SIGNS))]


@pytest.mark.parametrize("text", ["", "Ana", "1-2", "a=b", "Rua 1, 20", "x@y.z", "R$ 1,50", "Ana (-3 dB)"])
def test_any_other_text_stays_as_it_is(text: str) -> None:
    assert unrun(text) == text


@given(st.text(st.sampled_from("a,;\t\r\n \"=+-@'＝"), max_size=12))
def test_whatever_is_put_together(text: str) -> None:
    assert not [cell for cell in begun(sheet(unrun(text))) if cell.startswith(tuple(SIGNS))]
    assert not unrun(text).startswith(("\t", "\r"))
