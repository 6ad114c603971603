"""The settings of what fills the templates and of the pace: one for every gateway that has templates."""

from collections.abc import Mapping
from typing import ClassVar, Self

from bot.process.settings.part import Part, setting
from bot.process.settings.values import (
    AUTO,
    RESTORED_MEND,
    VARIABLES_MEND,
    Flight,
    OutageVariables,
    Rate,
    Variables,
)

TEXTS = {"LOS": "hsm_text_los", "POWER": "hsm_text_power", "RESTORED": "hsm_text_restored"}
LONGEST_TEXT = 1024  # characters: what WhatsApp allows a template's body
_TEXT_MEND = f"the template's text with {{{{1}}}} where a variable stands, at most {LONGEST_TEXT} characters"


class Templates(Part):
    """What fills the templates' variables, and how fast messages leave. A gateway's part builds on it."""

    title: ClassVar[str] = "Templates and pace"
    ours: ClassVar[tuple[str, ...]] = ("HSM_",)

    hsm_variables: OutageVariables = setting(
        (),
        regional=True,
        mend=VARIABLES_MEND,
        tells="What fills {{1}}, {{2}} ... of the templates for outages, in turn and with commas: name, "
        "start, eta, end, cause (or nome, inicio, previsao, fim, causa); empty: they have no variables. The "
        "same for the template for service that is back, which may also say duration (or duracao), as in "
        "2 h 10 min.",
    )
    hsm_variables_restored: Variables = setting((), regional=True, mend=RESTORED_MEND)
    hsm_text_los: str = setting(
        "",
        regional=True,
        live=True,
        max_length=LONGEST_TEXT,
        mend=_TEXT_MEND,
        tells="What the templates say, as approved, with {{1}}, {{2}} ... (\\n: a new line): Detalhes shows "
        "what a customer would read. Not needed where the bot reads them itself; empty: it shows nothing.",
    )
    hsm_text_power: str = setting("", max_length=LONGEST_TEXT, mend=_TEXT_MEND, regional=True, live=True)
    hsm_text_restored: str = setting("", max_length=LONGEST_TEXT, mend=_TEXT_MEND, regional=True, live=True)
    hsm_include_current: bool = setting(
        False,
        mend="true or false",
        tells="true: also to customers who have a conversation open, where the gateway refuses those unless "
        "told otherwise; false: they get nothing there, and they may be the ones who complained already.",
    )
    hsm_daily_limit: int = setting(
        0,
        live=True,
        ge=0,
        le=10_000_000,
        mend="people in 24 hours, 0 for as many as the gateway says",
        tells="To how many different people the bot writes within any 24 hours at most; 0: to as many as the "
        "gateway says (Meta's limit is read), else to any number.",
    )
    hsm_rate: Rate = setting(
        AUTO,
        live=True,
        mend="auto, or messages a second (0 for no limit, at most 1000)",
        tells="Messages a second, and how many are in flight. auto: 20 a second at first, more than twice as "
        "many each second while answers are quick, up to 80 (what WhatsApp allows a number), half as many "
        "where the gateway asks for less or gets slow; and as many in flight as that takes. A number fixes "
        "it: a second (0: no limit), in flight (1 to 200).",
    )
    hsm_concurrency: Flight = setting(AUTO, mend="auto, or messages in flight, 1 to 200", live=True)

    def by_region(self) -> Mapping[str, Self]:
        """All settings as each region has them; nothing where there is one NOC."""
        return {}
