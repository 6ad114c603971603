"""Reading IXC's tables: a list by one field, checked that it is what was asked for."""

import asyncio
import json
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from operator import eq
from typing import Any

from bot import upstream
from bot.directories.ixc.rows import Row, kept
from bot.errors import AnswerLost, BadAnswer, BotError, LoginRefused, Refused, TryLater

IN_FLIGHT = 10  # requests at one time, whoever asks: nobody published how many it bears
A_PAGE = 1000  # rows of a list: more than there are OLTs, or ONUs on one port
AT_ONCE = 100  # ids that one request names
TOTAL = 20.0  # seconds for one answer
FAILURES = (TryLater, AnswerLost, Refused, BadAnswer)


@dataclass(slots=True)
class Rows:
    """Rows by id, and why there is no telling about other ids."""

    rows: dict[str, Row] = field(default_factory=dict)
    errors: dict[str, BotError] = field(default_factory=dict)


@dataclass(slots=True)
class Several:
    """All rows by what was asked for, and why there is no telling about other values."""

    rows: dict[str, list[Row]] = field(default_factory=dict)
    errors: dict[str, BotError] = field(default_factory=dict)


class Tables:
    """The tables of one install.

    Args:
        url: `IXC_URL`.
        token: The whole `id:token`.
    """

    def __init__(self, url: str, token: str) -> None:
        self._base = f"{url}/webservice/v1"
        self._headers = {
            "Authorization": f"Basic {b64encode(token.encode()).decode()}",
            "ixcsoft": "listar",
        }
        self._http = upstream.client(limit=IN_FLIGHT)
        self._free = asyncio.Semaphore(IN_FLIGHT)
        self._knows_in = True  # until an answer to `IN` lacked a row that is there

    async def aclose(self) -> None:
        """Close its connections."""
        await self._http.aclose()

    async def probe(self) -> None:
        """Read a row of a table that holds no customers. Raises what `_page` raises."""
        await self._page("empresa", "empresa.id", "0", ">", rows=1)

    async def by_ids(self, table: str, ids: Iterable[str]) -> Rows:
        """The rows with these ids; an id without a row, and without an error, has none."""
        found = await self.having_any(table, "id", ids)
        return Rows({id_: rows[0] for id_, rows in found.rows.items()}, found.errors)

    async def having_any(self, table: str, field: str, numbers: Iterable[str]) -> Several:
        """The rows of which a field is one of these numbers, by it.

        A hundred in one request; who is missing in its answer is asked for one by one. Where one of them is
        there after all, or where rows of others came, the install is not asked for many again.
        """
        wanted = sorted(dict.fromkeys(numbers))
        parts = [wanted[n : n + AT_ONCE] for n in range(0, len(wanted), AT_ONCE)]
        found = Several()
        for part in await asyncio.gather(*(self._part(table, field, part) for part in parts)):
            found.rows |= part.rows
            found.errors |= part.errors
        return found

    async def _part(self, table: str, field: str, numbers: Sequence[str]) -> Several:
        found = Several()
        many = len(numbers) > 1 and self._knows_in
        if many:
            size = len(numbers) if field == "id" else A_PAGE
            try:
                rows = await self._page(table, f"{table}.{field}", ",".join(numbers), "IN", rows=size)
            except FAILURES as error:
                return Several(errors=dict.fromkeys(numbers, error))
            if all("id" in row and row.get(field) in numbers for row in rows):
                for row in rows:
                    found.rows.setdefault(row[field], []).append(row)
        left = [number for number in numbers if number not in found.rows]

        async def one(number: str) -> None:
            try:
                rows = await self.having(table, field, number)
            except FAILURES as error:
                found.errors[number] = error
                return
            if rows:
                found.rows[number] = rows
                self._knows_in = self._knows_in and not many

        await asyncio.gather(*map(one, left))
        return found

    async def having(
        self,
        table: str,
        field: str,
        value: str,
        also: tuple[str, str] | None = None,
        *,
        rows: int = 20,
        same: Callable[[str, str], bool] = eq,
        whole: bool = False,
    ) -> list[Row]:
        """The rows of which a field (and one more) says that, the newest first.

        BadAnswer where there are others: a filter that is not understood is ignored, and everybody comes; and
        where they are not all (`whole`).
        """
        conditions = [(field, value), *([] if also is None else [also])]
        found = await self._page(table, f"{table}.{field}", value, "=", rows=rows, also=also, whole=whole)
        for row in found:
            if "id" not in row or not all(same(row.get(name, ""), text) for name, text in conditions):
                raise BadAnswer("ignored_filter")
        return found

    async def whole(self, table: str) -> list[Row]:
        """A table of few rows, all of it."""
        return await self._page(table, f"{table}.id", "0", ">", rows=A_PAGE)

    async def _page(
        self,
        table: str,
        field: str,
        value: str,
        oper: str,
        *,
        rows: int,
        also: tuple[str, str] | None = None,
        whole: bool = False,
    ) -> list[Row]:
        """The rows of a page, cut to what is needed of them. Raises what `upstream.read` raises."""
        body: dict[str, str] = {
            "qtype": field,
            "query": value,
            "oper": oper,
            "page": "1",
            "rp": str(rows),
            "sortname": f"{table}.id",
            "sortorder": "desc",
        }
        if also is not None:
            name, text = also
            body["grid_param"] = json.dumps([{"TB": f"{table}.{name}", "OP": "=", "P": text}])
        async with self._free:
            try:
                answer = await upstream.read(
                    self._http,
                    "POST",
                    f"{self._base}/{table}",
                    json=body,
                    headers=self._headers,
                    most=upstream.ALERT,
                    total=TOTAL,
                )
            except Refused as error:
                if str(error) in {"http_401", "http_403"}:
                    raise LoginRefused(str(error)) from None
                raise
        found = _rows(answer)
        if whole and str(answer.get("total", "")).strip() != str(len(found)):
            raise BadAnswer("page_cut_short")
        return [kept(table, row) for row in found]


def _rows(answer: Any) -> list[Any]:
    """The rows of an answer. What does not say that there are none is no "no such customer"."""
    if not isinstance(answer, Mapping):
        raise BadAnswer("no_object")
    if answer.get("type") == "error":
        raise Refused("stated_error")
    rows = answer.get("registros")
    if isinstance(rows, list) and rows:
        return rows
    if rows in (None, "", []) and str(answer.get("total", "")).strip() == "0":
        return []
    raise BadAnswer("no_rows")
