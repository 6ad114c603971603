"""The month's report as a sheet: made beside the program, and given out as soon as it is there."""

import re
from collections.abc import AsyncGenerator
from contextlib import suppress
from http import HTTPStatus

from bot.errors import Declined, LedgerClosed
from bot.ops.panel.history import sheet
from bot.ops.panel.pages import Templates, Visit
from bot.ops.server import Response
from bot.ports import Ledger, Reports

_MONTH = re.compile(r"[12][0-9]{3}-(0[1-9]|1[0-2])")


class Report:
    """Its rows name customers: that somebody opened them is written first."""

    def __init__(self, reports: Reports, ledger: Ledger, templates: Templates) -> None:
        self._reports, self._ledger, self._templates = reports, ledger, templates

    async def csv(self, visit: Visit) -> Response:
        """The rows of a month (`2026-11`)."""
        month, words = visit.query.get("month", ""), visit.words
        if not _MONTH.fullmatch(month):
            return self._templates.notice(HTTPStatus.NOT_FOUND, "nothing")
        await visit.opened(None)

        async def parts() -> AsyncGenerator[bytes, None]:
            """It takes seconds, for which an answer is not waited; why there is none stands in its place."""
            with suppress(LedgerClosed):
                await self._ledger.flush()
            try:
                yield (await self._reports.month(month))[1]
            except Declined as no:
                yield words.plain(f"declined.{no.code}").encode()

        return sheet(words.plain("report.file", month=month), parts())
