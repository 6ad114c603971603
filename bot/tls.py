"""The one TLS context of all clients: to read every authority takes 16 ms, and each of them would."""

import os
import ssl
from functools import cache
from importlib import import_module

import httpx

_AUTHORITIES = "SSL_CERT_FILE"


@cache
def context() -> ssl.SSLContext:
    """Verifies as httpx does: by `SSL_CERT_FILE` where that is set, else by certifi's authorities."""
    return httpx.create_ssl_context()


def _import_aiohttp() -> None:
    """Import it without the authorities of this machine.

    It reads them twice as it is imported, for clients that bring no context. All of ours bring this one.
    """
    given = os.environ.get(_AUTHORITIES)
    os.environ[_AUTHORITIES] = os.devnull
    try:
        import_module("aiohttp")
    finally:
        del os.environ[_AUTHORITIES]
        if given is not None:
            os.environ[_AUTHORITIES] = given


_import_aiohttp()
