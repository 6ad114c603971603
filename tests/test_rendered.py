"""What is made from the settings is as they are: `python -m bot.process.settings.rendered` writes it anew."""

from pathlib import Path

import pytest

from bot.process.settings.composed import Settings
from bot.process.settings.part import mend
from bot.process.settings.rendered import MARKS, ROOT, documents

MADE = documents()


@pytest.mark.parametrize("file", MADE, ids=lambda file: str(file.relative_to(ROOT)))
def test_a_document_is_as_the_settings_are(file: Path) -> None:
    assert file.read_text("utf-8") == MADE[file], "run python -m bot.process.settings.rendered"


def test_every_adapter_with_settings_tells_of_them_in_its_readme() -> None:
    tables = [text for file, text in MADE.items() if file.name == "README.md"]
    assert all(mark in text for text in tables for mark in MARKS)
    told = "\n".join(text for file, text in MADE.items() if file.suffix == ".md")
    assert [name for name in Settings.model_fields if f"`{name.upper()}`" not in told] == []


def test_every_setting_says_how_a_wrong_value_is_mended() -> None:
    assert [name for name, field in Settings.model_fields.items() if not mend(field)] == []
