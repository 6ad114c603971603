"""OLT Cloud's lists, page by page (README.md of this folder). `next` is never followed."""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from bot.errors import BadAnswer, NotFound
from bot.sources.fields import count_of

PAGE_SIZE = 1000
MOST_PAGES = 50  # far above any real network; ends a list that never does
_NAMED_BY = ("serial_number", "olt_id", "olt", "olt_name", "slot", "pon")

Get = Callable[[str, Mapping[str, str | int]], Awaitable[dict[str, Any]]]
"""The body of a path with these parameters; raises as `bot.ports.Source` says."""


def page_of(body: Mapping[str, Any]) -> tuple[list[Any], float]:
    """The rows of a page and how many there are in all; no end in sight where `count` is odd or missing."""
    rows, count = body.get("results"), count_of(body.get("count"))
    if not isinstance(rows, list):
        raise BadAnswer("no_results")
    return rows, math.inf if count is None else count


def promised(before: float, count: float) -> float:
    """How many rows a list has, by what its pages said so far; no end in sight where none said.

    The most that any said: what leaves a list between two pages moves a row onto a page that was read.
    """
    return max((n for n in (before, count) if n != math.inf), default=math.inf)


async def every_row(get: Get, path: str, params: Mapping[str, str | int]) -> list[Any]:
    """Every row of a list of ports or ONUs; never a part of it.

    By page number until `count` is reached: by one page, or by distinct rows of several. A list without a
    count ends with the first page that brings nothing new: it is empty, a 404, or the same again where the
    server knows no pages.

    Raises:
        BadAnswer: The pages ended, or repeated rows, before `count` was reached.
        BotError: What any page raised.
    """
    rows: list[Any] = []
    seen: set[tuple[str, ...]] = set()
    nameless, most, apart = 0, math.inf, True
    for page in range(1, MOST_PAGES + 1):
        try:
            found, count = page_of(await get(path, {**params, "page": page, "page_size": PAGE_SIZE}))
            most = promised(most, count)
        except NotFound:
            if page == 1:
                raise
            found = []  # past the end
        names = [name for row in found if (name := _name(row))]
        added, repeated = not seen.issuperset(names), not seen.isdisjoint(names)
        seen.update(names)
        nameless += len(found) - len(names)
        rows += found
        apart = apart and not (added and repeated)
        # Rows of one page may be alike (two OLTs with one name); rows of two pages may be one row twice.
        if len(seen) + nameless >= most or (page == 1 and len(found) >= most):
            return rows
        if not added:
            if most == math.inf and apart:
                return rows
            break
    raise BadAnswer("fewer_rows")


def _name(row: Any) -> tuple[str, ...] | None:
    """What tells a row from others, without what changes from one moment to the next."""
    if not isinstance(row, dict) or not any(row.get(field) for field in _NAMED_BY):
        return None
    return tuple(str(row.get(field)) for field in _NAMED_BY)
