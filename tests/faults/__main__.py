"""`python -m tests.faults ATTACK`: one attack's quick part on the `bot` beside it, for a broken copy.

Prints one line of JSON: how many runs there were, and the violation that ended them, if one did. The exit
code is 0 either way; anything else than a violation is a traceback and exit code 1.
"""

import importlib
import json
import sys
import tempfile
from pathlib import Path

from tests.faults.tries import Tries, Violation


def main(name: str) -> int:
    """Run `attack(tries, folder)` of `tests.faults.test_NAME`."""
    attack = importlib.import_module(f"tests.faults.test_{name}").attack
    tries = Tries(name)
    violation = None
    with tempfile.TemporaryDirectory() as folder:
        try:
            attack(tries, Path(folder))
        except Violation as found:
            violation = str(found)
    print(json.dumps({"runs": tries.runs, "violation": violation}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
