"""`python -m tests.faults NAME[.FUNCTION]`: an attack's quick part on the `bot` beside it, for a broken copy.

Prints one line of JSON: how many runs there were, the violation that ended them, if one did, and why it was
not tried, where this machine does not permit it. The exit code is 0 either way; anything else than a
violation is a traceback and exit code 1.
"""

import importlib
import json
import sys
import tempfile
from pathlib import Path

import pytest

from bot.simulator import server
from tests.faults.tries import Tries, Violation

PATIENCE = 20.0  # seconds


def main(name: str) -> int:
    """Run `attack(tries, folder)` of `tests.faults.test_NAME`, or the function that is named instead."""
    # What a broken copy never does is waited for as long as it takes to be sure, and no longer.
    server.PATIENCE = PATIENCE
    module, _, function = name.partition(".")
    attack = getattr(importlib.import_module(f"tests.faults.test_{module}"), function or "attack")
    tries = Tries(module)
    violation = skipped = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            attack(tries, Path(folder))
        except Violation as found:
            violation = str(found)
        except pytest.skip.Exception as why:
            skipped = str(why)
    print(json.dumps({"runs": tries.runs, "violation": violation, "skipped": skipped}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
