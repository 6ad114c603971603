"""Whatever happens to one of two machines, or to their database, in mid-send: nobody gets two or is lost.

Once each, and few customers; `python -m tests.cluster` plays them as often, and with as many, as it is told.
"""

from pathlib import Path

import pytest

from tests.cluster.__main__ import main
from tests.cluster.faults import FAULTS, IN_FLIGHT, played

CUSTOMERS = 300
LONG = 12.0  # seconds: longer than a lease

pytestmark = [pytest.mark.attack, pytest.mark.timeout(1800)]


@pytest.mark.parametrize("fault", FAULTS)
async def test_in_mid_send(fault: str, pg_shared: Path, tmp_path: Path) -> None:
    round_ = await played(FAULTS[fault], f"{fault} 0", CUSTOMERS, pg_shared, tmp_path, long=LONG)
    round_.counted.judged(IN_FLIGHT)


def test_the_command_plays_what_it_is_told_to(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["killed", "--rounds", "1", "--customers", "60", "--seed", "7"]) == 0
    table = capsys.readouterr().out
    row = next(line for line in table.splitlines() if line.startswith("| killed |"))
    name, rounds, sends, twice, missing, *_ = row.strip("| ").split(" | ")
    assert (name, rounds, twice, missing) == ("killed", "1 of 1", "0", "0")
    assert 60 - IN_FLIGHT <= int(sends) <= 60
