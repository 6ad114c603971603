"""What Meta tells an app by itself: signed bodies, posted to where the app listens."""

import hmac
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

import aiohttp

from bot.simulator.cloud import CloudMessage

FAILED = "failed"


@dataclass(frozen=True)
class Hook:
    """Where an app listens, and the secrets that it shares with Meta."""

    url: str
    secret: str = "app-secret"  # noqa: S105 - of a pretend app
    verify_token: str = "palavra"  # noqa: S105

    async def ask(self) -> tuple[int, str]:
        """Ask, as Meta does once, whether the app listens: the status and what it said."""
        query = {
            "hub.mode": "subscribe",
            "hub.verify_token": self.verify_token,
            "hub.challenge": "1158201444",
        }
        async with aiohttp.ClientSession() as http, http.get(self.url, params=query) as answer:
            return answer.status, await answer.text()

    async def tell(self, *values: Mapping[str, Any]) -> int:
        """Post what happened (`status`, `said`, `template`) as one body; the HTTP status of the answer."""
        return await self.post(_body(values))

    async def forge(self, *values: Mapping[str, Any]) -> int:
        """The same by somebody who does not know the secret."""
        return await self.post(_body(values), f"sha256={'0' * 64}")

    async def post(self, body: bytes, signature: str | None = None) -> int:
        """Post these bytes, signed with the secret unless a signature is given."""
        signed = signature or "sha256=" + hmac.new(self.secret.encode(), body, sha256).hexdigest()
        headers = {"X-Hub-Signature-256": signed, "Content-Type": "application/json"}
        async with aiohttp.ClientSession() as http, http.post(self.url, data=body, headers=headers) as answer:
            return answer.status


def _body(values: Sequence[Mapping[str, Any]]) -> bytes:
    changes = [{"field": "messages", "value": value} for value in values]
    body = {"object": "whatsapp_business_account", "entry": [{"id": "0", "changes": changes}]}
    return json.dumps(body).encode()


def status(message: CloudMessage, word: str, code: int | None = None) -> dict[str, Any]:
    """What became of a message: sent, delivered, read, or failed with an error's code."""
    row: dict[str, Any] = {
        "id": message.id,
        "status": word,
        "timestamp": str(int(time.time())),
        "recipient_id": message.phone,
        "biz_opaque_callback_data": message.opaque,
    }
    if word == FAILED:
        row["errors"] = [{"code": code, "title": "Message undeliverable", "error_data": {"details": "..."}}]
    return {"messaging_product": "whatsapp", "statuses": [row]}


def said(phone: str, text: str) -> dict[str, Any]:
    """A customer (digits) wrote something."""
    message = {"from": phone, "id": "wamid.in", "timestamp": "1", "type": "text", "text": {"body": text}}
    return {"messaging_product": "whatsapp", "messages": [message]}


def template(name: str, event: str, reason: str = "NONE", language: str = "pt_BR") -> dict[str, Any]:
    """Something happened to a template."""
    return {
        "event": event,
        "message_template_name": name,
        "message_template_language": language,
        "reason": reason,
    }
