"""The account and the connections that python-telegram-bot works with."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from telegram.error import TelegramError
from telegram.ext import Application
from telegram.request import HTTPXRequest

from bot.chat.access import Approvers

AnyApplication = Application[Any, Any, Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Account:
    """The bot, its group and who may decide there. `token` is a secret: it is never part of a `repr`."""

    token: str
    group: int
    api_url: str = "https://api.telegram.org"
    topic: int | None = None
    approvers: Approvers = frozenset()

    def __repr__(self) -> str:
        return f"Account(group={self.group})"


class Poller(HTTPXRequest):
    """The connection that getUpdates has to itself; it stamps each good answer."""

    def __init__(self, answered: Callable[[], None]) -> None:
        super().__init__(connection_pool_size=2, connect_timeout=10, read_timeout=10, pool_timeout=5)
        self._answered = answered

    async def do_request(self, *args: Any, **kwargs: Any) -> tuple[int, bytes]:
        """As HTTPXRequest. A 401 or 404 would end PTB's polling for good, and a proxy's page may be one."""
        status, body = await super().do_request(*args, **kwargs)
        if status == HTTPStatus.OK:
            self._answered()
        if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.NOT_FOUND}:
            return HTTPStatus.SERVICE_UNAVAILABLE, body
        return status, body


def application(account: Account, poller: HTTPXRequest, request: HTTPXRequest) -> AnyApplication:
    """What takes the updates in and sends the calls out, `poller` for getUpdates alone."""
    base = account.api_url.rstrip("/")
    return (
        Application.builder()
        .token(account.token)
        .base_url(f"{base}/bot")
        .base_file_url(f"{base}/file/bot")
        .get_updates_request(poller)
        .request(request)
        .concurrent_updates(True)
        .job_queue(None)
        .build()
    )


def is_news(record: logging.LogRecord) -> bool:
    """Whether a line is more than that Telegram could not be reached."""
    return not (record.exc_info and isinstance(record.exc_info[1], TelegramError))
