"""The command line: a start-up error is one line and an exit code."""

import signal
import sys

if __name__ == "__main__" and sys.argv[1:2] in ([], ["run"]):
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # before all that takes time: unheard it would end the start

import argparse
import asyncio
import gc
import json
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from bot.errors import StartupError
from bot.process import options, terminal
from bot.process.settings.given import language
from bot.tongue import said, speak

_DATABASE = ("postgresql://", "postgres://")
_LARGEST = 1024 * 1024  # bytes of a body that is pushed


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code."""
    terminal.make_safe()
    speak(language())
    given = options.parser().parse_args(arguments)
    if given.command not in {"run", "check", "demo", "simulate"}:
        terminal.log_to_stderr()  # what a command gives is on stdout
    try:
        return _COMMANDS[given.command](given)
    except StartupError as error:
        print(said(str(error)), file=sys.stderr)
        return error.code
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `ledger show | head`: who reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # else the exit's flush fails, too
        return 0


# Each command imports what it needs: `ledger verify` must work where nothing else does.


def _run(_given: argparse.Namespace) -> int:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it is heard: what it asks to be read is being read
    gc.disable()  # until the ledger is replayed: what a start makes stays, and would be searched in vain
    from bot.process import app, log
    from bot.process.settings import again, reading

    loaded = reading.load()
    log.configure(loaded.secrets())
    return asyncio.run(app.serve(loaded, again.Given()))


def _check(given: argparse.Namespace) -> int:
    from bot.process import check, log, trial
    from bot.process.settings import reading

    phone = None if given.send_test is None else trial.own_phone(given.send_test)
    found = reading.read()
    log.configure(found.settings.secrets())
    return asyncio.run(check.check(found, partial(print, flush=True), phone))


def _setup(_given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.setup.setup import setup
    from bot.process.setup.terminal import Terminal

    return setup(Terminal(), SystemClock())


def _demo(given: argparse.Namespace) -> int:
    from bot.simulator import demo

    if given.scene_list:
        print(demo.scene_list(given.lang))
        return 0
    chosen = {name: getattr(given, name) for name in demo.Options.__dataclass_fields__}
    return asyncio.run(demo.demo(demo.Options(**chosen)))


def _simulate(given: argparse.Namespace) -> int:
    from bot.simulator.simulate import simulate

    ports = given.port_olt, given.port_hsm, given.telegram
    return asyncio.run(simulate(given.seed, given.customers, *ports, said=said))


def _try(given: argparse.Namespace) -> int:
    from importlib import import_module

    from bot.process.clock import SystemClock
    from bot.process.settings import reading

    found = reading.read()
    tried = import_module(f"bot.sources.{given.system}.trial").tried
    body = sys.stdin.buffer.read(_LARGEST + 1)
    if len(body) > _LARGEST:
        text = said("a body of more than {bytes} bytes would be answered with 413", bytes=_LARGEST)
        raise StartupError(text, code=1)
    code, text = tried(found.settings, found.problems, given.name, body, SystemClock().now())
    print(text)
    return int(code)


def _report(given: argparse.Namespace) -> int:
    from bot.chat.screens.pages.month import month_csv, month_summary
    from bot.chat.screens.words import Words
    from bot.process.settings import reading
    from bot.storage.commands.export import save
    from bot.storage.commands.progress import watched
    from bot.storage.commands.report import month_in, report

    gc.disable()  # as for `verify`
    settings = reading.read().settings
    words, folder = (
        Words(given.language or settings.bot_language, settings.tz),
        given.data or settings.data_dir,
    )
    least = settings.credit_min_minutes if given.least is None else given.least
    month = month_in(given.month, settings.tz, least)
    with watched(folder) as disk:
        found, damage = report(folder, month, disk)
    lines = (f"{line}\n".encode() for line in month_summary(found, words))
    document = month_csv(found, words) if given.csv else lines
    if given.out_to is not None:
        with os.fdopen(given.out_to, "wb") as file:
            file.writelines(document)
    elif given.out is None:
        sys.stdout.buffer.writelines(document)
    else:
        save(given.out, document, folder)
    if given.csv and (given.out, given.out_to) != (None, None):
        sys.stdout.buffer.writelines(lines)
    if damage is not None:
        print(damage, file=sys.stderr)
    return int(damage is not None)


def _looked_at(given: argparse.Namespace) -> Path:
    """The data folder that a command reads: where the ledger is in PostgreSQL, its copy as of now."""
    from bot.process.settings import given as settings

    folder: Path = given.data or settings.data_dir()
    if given.data is None and (url := settings.ledger()):
        from bot.process.clock import SystemClock
        from bot.storage.postgres.engine import check_extra

        check_extra()
        from bot.storage.postgres.moving import refreshed

        refreshed(folder, url, SystemClock())
    return folder


def _verify(given: argparse.Namespace) -> int:
    from bot.process.settings import given as settings
    from bot.storage.commands.verify import run_verify

    gc.disable()  # what is read is in no circle, and each look at all of it takes time
    folder = _looked_at(given)
    code, text = run_verify(folder, given.head, full=given.full, progress=True)
    print(text)
    url = settings.ledger() if given.data is None else ""
    if given.rows:  # the nightly check, which is told of no secret but so; the driver reads the environment
        os.environ.update(json.loads(sys.stdin.read()))
        url = os.environ["LEDGER"]
    if url:
        from bot.storage.postgres.moving import compared

        try:
            whole, text = compared(url)
        except StartupError as error:
            if given.rows and not code:
                raise StartupError(str(error), options.ROWS_UNREAD) from error
            raise
        print(text)
        code = code or int(not whole)
    return code


def _migrate(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings import given as settings
    from bot.storage.postgres.engine import check_extra

    check_extra()
    from bot.storage.postgres import moving

    gc.disable()  # as for `verify`
    dest = given.dest or settings.ledger()
    there, here = (one is not None and one.startswith(_DATABASE) for one in (dest, given.source))
    if given.source is None and there:
        print(moving.made(dest))
    elif given.source is not None and there and not here:
        print(moving.into(Path(given.source), dest))
    elif dest and here and not there:
        print(asyncio.run(moving.out(given.source, Path(dest), SystemClock())))
    else:
        text = "one of --from and --to is a data folder, the other one the address of a database, postgresql://..."
        raise StartupError(text)
    return 0


def _show(given: argparse.Namespace) -> int:
    from bot.process.settings.given import time_zone
    from bot.storage.commands.show import show

    code, text = show(_looked_at(given), given.case, time_zone())
    print(text)
    return code


def _export(given: argparse.Namespace) -> int:
    from bot.process.settings.given import time_zone
    from bot.storage.commands.export import READINGS, export, save
    from bot.storage.commands.progress import watched

    folder = _looked_at(given)
    shown = given.out is None and sys.stdout.isatty()  # the document itself says how far it is
    with watched(folder, on=not shown, times=READINGS[given.form]) as disk:
        document, damage = export(
            folder, given.form, time_zone(), case=given.case, phones=given.phones, disk=disk
        )
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
    from bot.storage.commands.cat import run_cat

    shown = sys.stdout.isatty()  # the lines themselves say how far it is
    damage = run_cat(_looked_at(given), given.months, sys.stdout.buffer, progress=not shown)
    if damage is not None:
        print(damage, file=sys.stderr)
    return int(damage is not None)


def _person(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir, ledger, time_zone
    from bot.storage.access import check_owner, who
    from bot.storage.commands import person
    from bot.storage.commands.export import save
    from bot.storage.commands.forget import phone_of

    folder, phone = given.data or data_dir(), phone_of(given.phone)
    check_owner(folder)
    url = "" if given.data else ledger()
    found = asyncio.run(person.person(folder, phone, who(), SystemClock(), url=url))
    text = person.document(found) if given.json else f"{person.said(found, time_zone())}\n".encode()
    if given.out is None:
        sys.stdout.buffer.write(text)
    else:
        save(given.out, [text], folder)
    return 0


def _forget(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir, ledger
    from bot.storage.access import check_owner, who
    from bot.storage.commands.forget import forget, left_in_texts, phone_of

    folder, phone = given.data or data_dir(), phone_of(given.phone)
    check_owner(folder)
    url = "" if given.data else ledger()
    print(asyncio.run(forget(folder, phone, who(), SystemClock(), url=url)))
    if left := left_in_texts(folder, phone):
        print(left)
    return int(bool(left))


def _key(given: argparse.Namespace) -> int:
    from bot.ops import keys
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir

    folder = given.data or data_dir()
    if given.action == "add":
        print(keys.add(folder, given.name, SystemClock()))
    else:
        print(keys.revoke(folder, given.name) if given.action == "revoke" else keys.listed(folder))
    return 0


def _upgrade(given: argparse.Namespace) -> int:
    from bot.process.clock import SystemClock
    from bot.process.settings.given import data_dir
    from bot.storage.commands.upgrade import run_upgrade

    print(run_upgrade(given.data or data_dir(), SystemClock()))
    return 0


_COMMANDS = {
    "run": _run,
    "setup": _setup,
    "check": _check,
    "demo": _demo,
    "simulate": _simulate,
    "report": _report,
    "try": _try,
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
    "migrate": _migrate,
    "key": _key,
}

if __name__ == "__main__":
    sys.exit(main())
