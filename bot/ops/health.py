"""`GET /healthz`: 200 while polls and getUpdates are fresh and the ledger takes lines, else 503 and why."""

from collections.abc import Callable, Mapping

from aiohttp import web

Report = Callable[[], Mapping[str, str]]
"""What is wrong now, by part; empty while all is well. No secrets: anyone on the port reads it."""


class HealthServer:
    """The HTTP server on OPS_PORT."""

    def __init__(self, report: Report, notes: Report = dict) -> None:
        """`notes` are what is worth knowing and breaks nothing."""
        self._report, self._notes = report, notes
        self._runner: web.AppRunner | None = None

    async def start(self, host: str, port: int) -> None:
        """Listen; OSError where the address cannot be had."""
        app = web.Application()
        app.router.add_get("/healthz", self._healthz)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False)
        await self._runner.setup()
        await web.TCPSite(self._runner, host, port).start()

    async def stop(self) -> None:
        """Close the port."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _healthz(self, _request: web.Request) -> web.Response:
        wrong = dict(self._report())
        status = 503 if wrong else 200
        answer: dict[str, object] = {"ok": not wrong, "wrong": wrong}
        if notes := dict(self._notes()):
            answer["notes"] = notes
        return web.json_response(answer, status=status)
