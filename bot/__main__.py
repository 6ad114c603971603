"""The command line: a start-up error is one line and an exit code."""

import argparse
import asyncio
import gc
import os
import re
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bot import __version__
from bot.errors import StartupError
from bot.process import terminal

_VERIFY = (
    "check every line (its checksum, its place, the hash of the one before) and name the first bad one; a "
    "year takes some seconds"
)

_BACKUP = (
    "a whole copy of the data folder, also while the bot runs; a bot that is started on it sends nothing "
    "until an approver confirms"
)

_REPAIR = (
    "mend what can be mended without losing a line, after a copy (a torn last group, which nobody was told "
    "is durable, is put aside in ledger/quarantine, as a start does); the bot must not run"
)

_CHECKPOINT = "write down the state for a quick start; the bot does it by itself, but not for a new version"

_PACK = "pack the months that are over, each into a quarter of its size; the bot does it by itself at night"

_CAT = "every line as it stands, in order, packed or not: for jq"

_FORGET = (
    "take a customer's name and phone away, in any spelling of the number; what was done stays; "
    "the bot must not run"
)

_PERSON = "all there is about one customer: cases, messages, outcomes; the bot must not run"

_UPGRADE = (
    "once, for a ledger of a version that had names and phones in its lines; what there was is kept; the bot "
    "must not run"
)

_SEND_TEST = (
    "then send every configured template once to this phone, your own: asked back first, on record in the "
    "ledger, and only while the bot is stopped"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    terminal.make_safe()
    given = _parser().parse_args(arguments)
    if given.command not in {"run", "check", "demo", "simulate"}:
        terminal.log_to_stderr()  # what a command gives is on stdout
    try:
        return _COMMANDS[given.command](given)
    except StartupError as error:
        print(error, file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `ledger show | head`: who reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the exit's flush fails, too
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bot", description="The NOC's outage bot.")
    parser.add_argument("--version", action="version", version=__version__)
    parser.set_defaults(command="run")
    commands = parser.add_subparsers(metavar="command")
    for name, what in (
        ("run", "poll, post cards, send what people approve (default)"),
        ("check", "try the settings, the folder and every system, without sending anything"),
    ):
        commands.add_parser(name, help=what).set_defaults(command=name)
    commands.choices["check"].add_argument("--send-test", metavar="PHONE", help=_SEND_TEST)
    _demo_parser(commands.add_parser("demo", help="a pretend ISP, its NOC on a web page, and the real bot"))
    _simulate_parser(commands.add_parser("simulate", help="only the pretend OLT API and HSM API"))
    _ledger_parsers(commands.add_parser("ledger", help="look at the ledger, or mend it"))
    return parser


def _ledger_parsers(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True)
    made = {}
    for name, what in (
        ("verify", _VERIFY),
        ("show", "the cases, or one case's whole story"),
        ("export", "every line as CSV or JSON"),
        ("repair", _REPAIR),
        ("backup", _BACKUP),
        ("checkpoint", _CHECKPOINT),
        ("pack", _PACK),
        ("cat", _CAT),
        ("person", _PERSON),
        ("forget", _FORGET),
        ("upgrade", _UPGRADE),
    ):
        made[name] = commands.add_parser(name, help=what, description=what)
        made[name].add_argument("--data", type=Path, help="the data folder (default: DATA_DIR)")
        made[name].set_defaults(command=name)
    made["verify"].add_argument(
        "--head",
        type=_head,
        metavar="SEQ:HEX8",
        help="as a card or /audit shows it: is it that ledger?",
    )
    made["verify"].add_argument(
        "--full", action="store_true", help="also read every field, and check that each line fits the state"
    )
    made["show"].add_argument(
        "case", type=_case, nargs="?", help="its number (default: a line for each case)"
    )
    form = made["export"].add_mutually_exclusive_group(required=True)
    form.add_argument("--csv", dest="form", action="store_const", const="csv", help="a row a line, for Excel")
    form.add_argument("--json", dest="form", action="store_const", const="json", help="an object a line")
    made["export"].add_argument(
        "--out", type=Path, metavar="FILE", help="for this user alone (default: stdout)"
    )
    made["export"].add_argument("--case", type=_case, metavar="N", help="only this one's lines")
    made["export"].add_argument("--phones", action="store_true", help="whole, not only the last four digits")
    made["backup"].add_argument("dest", type=Path, metavar="DEST", help="a new folder, best on another disk")
    made["checkpoint"].add_argument("--line", type=_line, metavar="N", help="no further than this one")
    made["cat"].add_argument(
        "months", type=_month, nargs="*", metavar="MONTH", help="only of these, as 2026-11 (default: all)"
    )
    for name in ("person", "forget"):
        made[name].add_argument("phone", metavar="PHONE", help="with its area code, e.g. 61999990000")
    made["person"].add_argument("--json", action="store_true", help="as JSON, to hand over")
    made["person"].add_argument(
        "--out", type=Path, metavar="FILE", help="for this user alone (default: stdout)"
    )
    made["repair"].add_argument("--dry-run", action="store_true", help="only say what would be done")


def _demo_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=8080, help="of the page; the next free one if taken")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    parser.add_argument("--data", type=Path, help="keep the bot's data and log in this folder")
    _world_arguments(parser)
    parser.add_argument("--lang", choices=("pt", "en"), default="pt", help="of the page and the bot")
    parser.add_argument(
        "--gateway", metavar="NAME", help="what the bot sends by, unless a scene needs another"
    )
    parser.add_argument("--scene", metavar="NAME", help="tell this story, or all")
    parser.add_argument("--fast", action="store_true", help="the scenes without page and pauses: exit 0 or 1")
    parser.add_argument("--scene-list", action="store_true", help="name the scenes")
    parser.set_defaults(command="demo")


def _simulate_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port-olt", type=_port, default=9101, help="the next free one if taken")
    parser.add_argument("--port-hsm", type=_port, default=9102, help="the next free one if taken")
    _world_arguments(parser)
    parser.set_defaults(command="simulate")


def _world_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help="the same seed, the same customers")
    parser.add_argument("--customers", type=_customers, default=4000, help="about how many (default: 4000)")


def _port(text: str) -> int:
    return _between(text, 0, 65535)


def _customers(text: str) -> int:
    return _between(text, 1, 200_000)


def _case(text: str) -> int:
    return _between(text, 1, 10**9)


def _line(text: str) -> int:
    return _between(text, 1, 10**18)


def _month(text: str) -> str:
    if re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", text) is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no month such as 2026-11")
    return text


def _head(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"\s*([0-9]{1,18})\s*[:·.,; -]\s*([0-9a-f]{8,64})\s*", text.lower())
    if found is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no line and digits such as 1234:ab12cd34")
    return int(found[1]), found[2]


def _between(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(f"{text!r} is no number from {low} to {high}")
    return int(text)


# Each command imports what it needs: `ledger verify` must work where nothing else does.


def _run(_given: argparse.Namespace) -> int:
    gc.disable()  # until the ledger is replayed: what a start makes stays, and would be searched in vain
    from bot.process import app, log
    from bot.process.settings import reading

    loaded = reading.load()
    log.configure(loaded.secrets())
    return asyncio.run(app.serve(loaded))


def _check(given: argparse.Namespace) -> int:
    from bot.process import check, log, trial
    from bot.process.settings import reading

    phone = None if given.send_test is None else trial.own_phone(given.send_test)
    found = reading.read()
    log.configure(found.settings.secrets())
    return asyncio.run(check.check(found, partial(print, flush=True), phone))


def _demo(given: argparse.Namespace) -> int:
    from bot.simulator import demo

    if given.scene_list:
        print(demo.scene_list(given.lang))
        return 0
    options = {name: getattr(given, name) for name in demo.Options.__dataclass_fields__}
    return asyncio.run(demo.demo(demo.Options(**options)))


def _simulate(given: argparse.Namespace) -> int:
    from bot.simulator.simulate import simulate

    return asyncio.run(simulate(given.seed, given.customers, given.port_olt, given.port_hsm))


def _verify(given: argparse.Namespace) -> int:
    from bot.process.settings.given import data_dir
    from bot.storage.commands.verify import run_verify

    gc.disable()  # what is read is in no circle, and each look at all of it takes time
    code, text = run_verify(given.data or data_dir(), given.head, full=given.full, progress=True)
    print(text)
    return code


def _show(given: argparse.Namespace) -> int:
    from bot.process.settings.given import data_dir, time_zone
    from bot.storage.commands.show import show

    code, text = show(given.data or data_dir(), given.case, time_zone())
    print(text)
    return code


def _export(given: argparse.Namespace) -> int:
    from bot.process.settings.given import data_dir, time_zone
    from bot.storage.commands.export import export, save

    folder = given.data or data_dir()
    zone = time_zone()
    document, damage = export(folder, given.form, zone, case=given.case, phones=given.phones)
    if given.out is None:
        sys.stdout.buffer.writelines(document)
    else:
        save(given.out, document, folder)
    if damage is not None:
        print(damage, file=sys.stderr)
    return int(damage is not None)


def _repair(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir
    from bot.storage.commands.repair import run_repair

    gc.disable()  # as for `verify`
    code, text = run_repair(given.data or data_dir(), SystemClock(), dry_run=given.dry_run)
    print(text)
    return code


def _backup(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir
    from bot.storage.commands.backup import run_backup

    print(run_backup(given.data or data_dir(), given.dest, SystemClock()))
    return 0


def _checkpoint(given: argparse.Namespace) -> int:
    from bot.process.settings.given import data_dir
    from bot.storage.commands.checkpoint import run_checkpoint

    gc.disable()  # as for `verify`: a sixth of the time
    if given.line is not None:  # a running bot asks for it, whose sends come first
        os.nice(10)
    print(run_checkpoint(given.data or data_dir(), given.line))
    return 0


def _pack(given: argparse.Namespace) -> int:
    from bot.process.settings.given import data_dir
    from bot.storage.commands.pack import run_pack

    gc.disable()  # as for `verify`
    print(run_pack(given.data or data_dir()))
    return 0


def _cat(given: argparse.Namespace) -> int:
    from bot.process.settings.given import data_dir
    from bot.storage.commands.cat import run_cat

    damage = run_cat(given.data or data_dir(), given.months, sys.stdout.buffer)
    if damage is not None:
        print(damage, file=sys.stderr)
    return int(damage is not None)


def _person(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir, time_zone
    from bot.storage.access import check_owner, who
    from bot.storage.commands import person
    from bot.storage.commands.export import save
    from bot.storage.commands.forget import phone_of

    folder, phone = given.data or data_dir(), phone_of(given.phone)
    check_owner(folder)
    found = asyncio.run(person.person(folder, phone, who(), SystemClock()))
    text = person.document(found) if given.json else f"{person.said(found, time_zone())}\n".encode()
    if given.out is None:
        sys.stdout.buffer.write(text)
    else:
        save(given.out, [text], folder)
    return 0


def _forget(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir
    from bot.storage.access import check_owner, who
    from bot.storage.commands.forget import forget, phone_of

    folder, phone = given.data or data_dir(), phone_of(given.phone)
    check_owner(folder)
    print(asyncio.run(forget(folder, phone, who(), SystemClock())))
    return 0


def _upgrade(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir
    from bot.storage.commands.upgrade import run_upgrade

    print(run_upgrade(given.data or data_dir(), SystemClock()))
    return 0


_COMMANDS = {
    "run": _run,
    "check": _check,
    "demo": _demo,
    "simulate": _simulate,
    "verify": _verify,
    "show": _show,
    "export": _export,
    "repair": _repair,
    "backup": _backup,
    "checkpoint": _checkpoint,
    "pack": _pack,
    "cat": _cat,
    "person": _person,
    "forget": _forget,
    "upgrade": _upgrade,
}

if __name__ == "__main__":
    sys.exit(main())
