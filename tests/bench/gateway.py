"""The least that answers as Matrix does, so that the sender is measured and not the gateway."""

import asyncio
import json
from collections import Counter
from typing import Self

_ANSWER = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n"
    b"Set-Cookie: PHPSESSID=session1; path=/\r\n\r\n%b"
)


class BareGateway:
    """Takes every POST at once; `count` is messages by phone."""

    def __init__(self) -> None:
        self.count: Counter[str] = Counter()
        self._taken = 0
        self._server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        """The full URL for `URL_HSM`."""
        if self._server is None:
            raise RuntimeError("not started")
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/rest/v1/sendHsm"

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Connection(self), "127.0.0.1", 0, backlog=1024)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        if self._server is not None:
            self._server.close()

    def take(self, body: bytes) -> bytes:
        """The answer to one message."""
        self.count[json.loads(body)["contato"]["telefone"]] += 1
        self._taken += 1
        text = b'{"cod_error":0,"msg":"atendimento gerado com sucesso","cod_atendimento":%d}'
        answer = text % self._taken
        return _ANSWER % (len(answer), answer)


class _Connection(asyncio.Protocol):
    """Whole requests with a Content-Length, one after the other."""

    def __init__(self, gateway: BareGateway) -> None:
        self._gateway = gateway
        self._data = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._data += data
        while b"\r\n\r\n" in self._data:
            head, _, rest = self._data.partition(b"\r\n\r\n")
            length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(rest) < length:
                return
            self._data = rest[length:]
            assert isinstance(self._transport, asyncio.Transport)
            self._transport.write(self._gateway.take(rest[:length]))
