"""What the bot says of itself at each start: real or a rehearsal, which templates, who decides, when."""

from collections.abc import Mapping

from bot.chat.words import Words
from bot.settings import Settings


def start_facts(settings: Settings) -> Mapping[str, object]:
    """What fills the phrase, open cases apart."""
    hours = settings.customer_hours
    listed = settings.telegram_approvers
    return {
        "language": settings.bot_language,  # so that the group reads it anew in another one
        "dry_run": settings.dry_run or settings.gateway == "dry_run",
        "templates": ", ".join(map(str, settings.templates().values())),
        "account": settings.hsm_account,
        "decides": "everyone" if listed == "*" else "listed" if listed else "admins",
        "n": 0 if listed == "*" else len(listed),
        "hours": f"{hours.first:%H:%M}–{hours.last:%H:%M}" if hours else "",
    }


def start_line(settings: Settings, words: Words, open_cases: int | None) -> str:
    """One line for a terminal or a log; `open_cases` is None where nobody could count them."""
    return words.plain("setup.line", **start_facts(settings), open=open_cases)
