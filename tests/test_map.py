"""bot/README.md, the map, names tests and files that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAP = (ROOT / "bot/README.md").read_text()


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`(tests/[\w/.]+::[\w:]+)`", MAP))))
def test_a_test_that_the_map_names_exists(name: str) -> None:
    path, *_, test = name.split("::")
    assert re.search(rf"^ *(async )?def {test}\(", (ROOT / path).read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", sorted(set(re.findall(r"`((?:tests|bot)/[\w/.]+)`", MAP))))
def test_a_file_that_the_map_names_exists(name: str) -> None:
    assert (ROOT / name).exists()
