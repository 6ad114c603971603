"""What an answer's body may be: no larger than was asked for, and JSON that can be read.

httpx inflates each piece that comes in whole, so that 16 KB of gzip are 16 MB before anybody can count.
`Bounded` stands under a client and inflates in small steps itself, whichever library is behind it; what the
client sees is an answer that was read, without any encoding.
"""

import json
import re
import zlib
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import httpx

ENCODINGS = "gzip, deflate"  # what clients ask for; nothing else is taken, nor one inside another
STEP = 64 * 1024  # bytes inflated at once
_NESTED = (dict, list)  # `dict | list` would be made anew for each of the 40,000 values of a large alert
DEEPEST = 100  # levels of JSON; what is deeper is no answer, and takes the stack of whoever walks it
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class TooLarge(httpx.DecodingError):
    """An answer of a success that does not end where the request says that it must."""


class Bounded(httpx.AsyncBaseTransport):
    """Another transport whose answers are read here, up to `most` bytes or what a request's own `most` says.

    The bytes count as they come and as they are once inflated. A success that is larger raises TooLarge. Any
    other answer is cut: its status says what there is to know, and a page of a proxy must not hide it.
    """

    def __init__(self, inner: httpx.AsyncBaseTransport, most: int) -> None:
        self._inner = inner
        self._most = most

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The answer: read, but where its head already says that it is short enough."""
        answer = await self._inner.handle_async_request(request)
        most = request.extensions.get("most", self._most)
        if is_short(answer.headers, most):
            return answer  # whoever asked reads it: it cannot be longer than it says
        body = await body_of(answer, most)
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in _OF_THE_BODY]
        return httpx.Response(
            answer.status_code, headers=headers, content=body, request=request, extensions=answer.extensions
        )

    async def aclose(self) -> None:
        """Close the other's connections."""
        await self._inner.aclose()


async def body_of(answer: httpx.Response, most: int) -> bytes:
    """Its body without any encoding, as `Bounded` gives it; the answer is closed then."""
    whole = bytearray()
    try:
        async with aclosing(_inflated(answer, most)) as pieces:
            async for piece in pieces:
                whole += piece
                if len(whole) > most:
                    raise TooLarge("too_large")
    except httpx.DecodingError:
        if answer.is_success:
            raise
        del whole[most:]
    finally:
        await answer.aclose()  # what was not read to its end is not kept alive
    return bytes(whole)


def is_short(headers: Mapping[str, str], most: int) -> bool:
    """Whether the head says that there is no more than that, and nothing to inflate: so most answers do."""
    length = headers.get("Content-Length", "")
    framed = length.isascii() and length.isdigit() and "Transfer-Encoding" not in headers
    return framed and len(length) < _DIGITS and int(length) <= most and "Content-Encoding" not in headers


_DIGITS = 16  # no length that matters has more, and Python reads no number without an end
_OF_THE_BODY = {b"content-encoding", b"content-length", b"transfer-encoding"}


async def _inflated(answer: httpx.Response, most: int) -> AsyncGenerator[bytes, None]:
    """The body in pieces of `STEP` at most, however small the bytes are from which they come."""
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    plain = encoding in {"", "identity"}
    if not plain and encoding not in {"gzip", "x-gzip", "deflate"}:
        raise httpx.DecodingError("another encoding")
    inflate, came = zlib.decompressobj(zlib.MAX_WBITS | 32), 0  # finds out itself which of the two it is
    async for piece in answer.aiter_raw():
        came += len(piece)
        if came > most:
            raise TooLarge("too_large")
        if plain:
            yield piece
            continue
        try:
            if came == len(piece) and encoding == "deflate" and piece[:1] and piece[0] & 0xF != zlib.DEFLATED:
                inflate = zlib.decompressobj(-zlib.MAX_WBITS)  # as old servers send it: without a head
            while piece and not inflate.eof:
                yield inflate.decompress(piece, STEP)
                piece = inflate.unconsumed_tail  # noqa: PLW2901
        except zlib.error:
            raise httpx.DecodingError("not what it says") from None


def json_of(content: bytes) -> Any:
    """A body as JSON, None where it is none, deeper than `DEEPEST`, or says `null`.

    What is no UTF-8 is read as latin-1, which some platforms speak: a refusal that cannot be read would
    count as a success. Half a surrogate pair (a name cut in mid-emoji) becomes `?`:
    it is legal JSON, and no file and no other system would take it; one such name must not hide a whole list.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = content.decode("latin-1")
    try:
        body = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if _is_deeper(body, DEEPEST):
        return None
    return _without_surrogates(body) if _SURROGATE.search(text) else body


def _is_deeper(body: Any, levels: int) -> bool:
    level = [body] if isinstance(body, _NESTED) else []
    for _ in range(levels):
        if not level:
            return False
        values = (outer.values() if isinstance(outer, dict) else outer for outer in level)
        level = [inner for inside in values for inner in inside if isinstance(inner, _NESTED)]
    return bool(level)


def _without_surrogates(body: Any) -> Any:
    if isinstance(body, str):
        return body.encode("utf-8", "replace").decode()
    if isinstance(body, list):
        return [_without_surrogates(item) for item in body]
    if isinstance(body, dict):
        return {_without_surrogates(key): _without_surrogates(value) for key, value in body.items()}
    return body
