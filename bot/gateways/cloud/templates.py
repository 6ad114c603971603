"""What Meta says of a template, and what is wrong with it (README.md of this folder)."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from bot.domain.limits.templates import Meaning, Template, Trouble, variables_in
from bot.gateways.reasons import listed, one_line

FIELDS = "name,language,status,category,parameter_format,components,quality_score"
A_PAGE = 50  # templates: Meta finds by a part of the name, so there may be others in the answer
LISTED = "name,language,status,category,components"
_STATES = {
    "PAUSED": "paused",
    "DISABLED": "disabled",
    "REJECTED": "rejected",
    "PENDING": "pending",
    "IN_APPEAL": "pending",
    "ARCHIVED": "archived",
    "PENDING_DELETION": "deleted",
    "DELETED": "deleted",
    "LIMIT_EXCEEDED": "limit_exceeded",
}
"""A template's state, and the phrase for it."""
_GOOD_AGAIN = {"APPROVED", "REINSTATED", "UNARCHIVED", "UNPAUSE"}
_MEDIA = {"IMAGE", "VIDEO", "DOCUMENT", "LOCATION"}


def template_of(
    rows: Sequence[Any], name: str, language: str, words: Sequence[str], *, named: bool
) -> Template:
    """The template of that name among an answer's rows; `words` are what we fill it with."""
    same = [row for row in rows if isinstance(row, dict) and row.get("name") == name]
    ours = next((row for row in same if row.get("language") == language), None)
    if ours is None:
        others = sorted({str(row.get("language")) for row in same})
        wrong = Trouble("language", listed(others), language) if same else _missing(rows)
        return Template(name, None, (wrong,))
    body = _part(ours, "BODY").get("text")
    text = body if isinstance(body, str) else ""
    wants = tuple(dict.fromkeys(words)) if named else tuple(map(str, range(1, len(words) + 1)))
    found = (*_standing(ours), *_fitting(ours, text, wants), *_quality(ours))
    return Template(name, text, found)


def choices(rows: Sequence[Any], language: str) -> list[tuple[str, str]]:
    """Those among an answer's rows that may be sent in this language, each with its category and its text."""
    found = []
    for row in rows:
        if not (
            isinstance(row, dict) and row.get("language") == language and row.get("status") == "APPROVED"
        ):
            continue
        name = row.get("name")
        if isinstance(name, str) and name.isprintable():
            said = f"{row.get('category', '')}: {_part(row, 'BODY').get('text') or ''}"
            found.append((name, f"{name}, {one_line(said)}"))
    return found


def meaning(event: str) -> Meaning:
    """What a notice says is wrong with a template, None where it is good; "nothing" where it says neither.

    `event` is a state (`PAUSED`), or a field of the notice with its value (`new_category=MARKETING`).
    """
    field, _, value = event.upper().rpartition("=")
    if field.endswith("CATEGORY"):
        return _of_category(value) or "nothing"  # it may be paused all the same
    if field or value == "FLAGGED":
        return Trouble("quality", holds=False) if value in {"RED", "FLAGGED"} else "nothing"
    if value in _GOOD_AGAIN:
        return None
    return Trouble(_STATES[value]) if value in _STATES else "nothing"


def _of_category(category: str) -> Trouble | None:
    return None if category.upper() == "UTILITY" else Trouble("category", one_line(category) or "?")


def _standing(row: Mapping[str, Any]) -> Iterator[Trouble]:
    status = str(row.get("status", "")).upper()
    if status != "APPROVED":
        code = _STATES.get(status)
        yield Trouble("unusable", one_line(status) or "?") if code is None else Trouble(code)
    moved = _of_category(str(row.get("category", "")))
    if moved is not None:
        yield moved


def _fitting(row: Mapping[str, Any], text: str, wants: Sequence[str]) -> Iterator[Trouble]:
    """What of it would not be filled as it has to be; where names have to be there, their order is free."""
    has = variables_in(text)
    if sorted(has) != sorted(wants):
        yield Trouble("variables", listed(has), listed(wants))
    header = _part(row, "HEADER")
    if str(header.get("format", "TEXT")).upper() in _MEDIA or variables_in(str(header.get("text", ""))):
        yield Trouble("header")
    buttons = _part(row, "BUTTONS").get("buttons")
    links = [one.get("url") for one in buttons if isinstance(one, dict)] if isinstance(buttons, list) else []
    if any(variables_in(str(link)) for link in links):
        yield Trouble("button")


def _quality(row: Mapping[str, Any]) -> Iterator[Trouble]:
    score = row.get("quality_score")
    if isinstance(score, dict) and score.get("score") == "RED":
        yield Trouble("quality", holds=False)


def _missing(rows: Sequence[Any]) -> Trouble:
    names = {str(row.get("name")) for row in rows if isinstance(row, dict)}
    return Trouble("missing", listed(sorted(names)))


def _part(row: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    parts = row.get("components")
    found = [one for one in parts if isinstance(one, dict)] if isinstance(parts, list) else []
    return next((one for one in found if str(one.get("type", "")).upper() == kind), {})
