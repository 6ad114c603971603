from typing import Any

import httpx

from bot.simulator.telegram.api import BotApi


class Caller:
    """Calls Bot API methods as JSON and looks at the bare answers."""

    def __init__(self, api: BotApi, http: httpx.AsyncClient) -> None:
        self.api, self.http = api, http

    async def __call__(self, method: str, **params: Any) -> dict[str, Any]:
        answer = await self.http.post(f"{self.api.url}/bot{self.api.token}/{method}", json=params)
        body: dict[str, Any] = answer.json()
        assert answer.status_code == body.get("error_code", 200)
        return body

    async def ok(self, method: str, **params: Any) -> Any:
        body = await self(method, **params)
        assert body["ok"], body
        return body["result"]

    async def refused(self, method: str, **params: Any) -> str:
        body = await self(method, **params)
        assert not body["ok"], body
        assert self.api.refused[-1] == (method, body["description"])
        return str(body["description"])

    async def send(self, text: str = "hi", **params: Any) -> Any:
        return await self.ok("sendMessage", chat_id=self.api.group, text=text, **params)


def markup(*rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {"inline_keyboard": list(rows)}


def row(*data: str) -> list[dict[str, Any]]:
    return [{"text": text.upper(), "callback_data": text} for text in data]
