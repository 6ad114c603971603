"""The gateways that are attacked over the wire. A new one is a module here and its line."""

from collections.abc import Mapping

from tests.faults.spoken import cloud, matrix, opa
from tests.faults.spoken.row import Speech

SPEECHES: Mapping[str, Speech] = {"matrix": matrix.SPEECH, "cloud": cloud.SPEECH, "opa": opa.SPEECH}
