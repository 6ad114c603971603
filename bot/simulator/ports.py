"""Ports of loopback for who listens on them later, and again after each stop."""

import errno
import os
import socket
from collections.abc import Iterator
from functools import cache
from itertools import cycle, islice

HOST = "127.0.0.1"
_FIRST, _PROCESSES, _EACH = 20_000, 60, 200


def free_port() -> int:
    """A port of loopback that nobody listens on, and that nobody else is given meanwhile.

    The system hands out none of them by itself: those that it chooses (RFC 6056: from 49152; Linux, as
    `ip_local_port_range` says: from 32768) lie above. Processes side by side have ports of their own, and
    none is given again before all others were.

    Raises:
        OSError: All of this process are taken.
    """
    for port in islice(_ports(os.getpid()), _EACH):
        try:
            socket.create_server((HOST, port)).close()
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port
    raise OSError(errno.EADDRINUSE, f"all {_EACH} ports of this process are taken")


@cache
def _ports(process: int) -> Iterator[int]:
    first = _FIRST + process % _PROCESSES * _EACH
    return cycle(range(first, first + _EACH))
