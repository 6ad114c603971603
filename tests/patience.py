"""How long a test waits for what comes at once.

How long it really takes says more about the machine, and who else works on it, than about the code. Whatever
is about a limit of time has a clock of its own, or says why its limit can stand.
"""

from bot.simulator.server import PATIENCE

__all__ = ["PATIENCE"]
