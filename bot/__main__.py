"""The command line: run | check | demo | ledger verify. A start-up error is one line and an exit code."""

import argparse
import asyncio
import sys
from collections.abc import Sequence
from pathlib import Path

from bot import __version__
from bot.errors import StartupError


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    given = _parser().parse_args(arguments)
    try:
        return _COMMANDS[given.command](given)
    except StartupError as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bot", description="The NOC's outage bot.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(command="run")
    commands = parser.add_subparsers(metavar="command")
    for name, what in (
        ("run", "poll, post cards, send what people approve (default)"),
        ("check", "try the settings, the folder and every system, without sending anything"),
        ("demo", "play one outage against pretend systems on this machine"),
    ):
        commands.add_parser(name, help=what).set_defaults(command=name)
    ledger = commands.add_parser("ledger", help="look at the ledger").add_subparsers(required=True)
    verify = ledger.add_parser("verify", help="check every line and name the first bad one")
    verify.add_argument("--data", type=Path, help="the data folder (default: DATA_DIR)")
    verify.set_defaults(command="verify")
    return parser


# Each command imports what it needs: `ledger verify` must work where nothing else does.


def _run(_given: argparse.Namespace) -> int:
    from bot import app, log, settings

    loaded = settings.load()
    log.configure(loaded)
    return asyncio.run(app.serve(loaded))


def _check(_given: argparse.Namespace) -> int:
    from bot import check, log, settings

    loaded = settings.load()
    log.configure(loaded)
    return asyncio.run(check.check(loaded))


def _demo(_given: argparse.Namespace) -> int:
    from bot.simulator.demo import demo

    return asyncio.run(demo())


def _verify(given: argparse.Namespace) -> int:
    from bot import settings
    from bot.storage.verify import run_verify

    code, text = run_verify(given.data or settings.data_dir())
    print(text)
    return code


_COMMANDS = {"run": _run, "check": _check, "demo": _demo, "verify": _verify}

if __name__ == "__main__":
    sys.exit(main())
