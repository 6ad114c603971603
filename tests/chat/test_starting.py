"""What check and the log say first."""

import pytest

from bot.chat.starting import start_line
from bot.settings import load
from tests.chat.screens import EN, PT
from tests.test_settings import GOOD


@pytest.mark.parametrize(
    ("changes", "ours", "theirs"),
    [
        (
            {"HSM_ID_RESTORED": "118", "TELEGRAM_APPROVERS": "*"},
            (
                "MODO REAL · modelos 114, 116, 118 · conta 1 · decide qualquer pessoa do grupo · "
                "clientes: a qualquer hora · 2 casos abertos"
            ),
            (
                "REAL MODE · templates 114, 116, 118 · account 1 · anyone in the group decides · "
                "customers: at any hour · 2 open cases"
            ),
        ),
        (
            {"DRY_RUN": "true", "TELEGRAM_APPROVERS": "1,2", "CUSTOMER_HOURS": "8:00-21:00"},
            (
                "SIMULAÇÃO (nada é enviado) · modelos 114, 116 · conta 1 · decidem 2 pessoas da lista · "
                "clientes: 08:00–21:00 · 2 casos abertos"
            ),
            (
                "DRY RUN (nothing is sent) · templates 114, 116 · account 1 · 2 listed people decide · "
                "customers: 08:00–21:00 · 2 open cases"
            ),
        ),
    ],
)
def test_one_line_for_a_terminal(changes: dict[str, str], ours: str, theirs: str) -> None:
    settings = load(None, GOOD | changes)
    assert (start_line(settings, PT, 2), start_line(settings, EN, 2)) == (ours, theirs)
    assert start_line(settings, PT, None) == ours.removesuffix(" · 2 casos abertos")
