"""What the command line takes: the commands, their options, and what `--help` says of them."""

import argparse
import re
from pathlib import Path

from bot import __version__
from bot.tongue import said as _

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

_MIGRATE = (
    "move the ledger into PostgreSQL, or back into files, line by line as it stands, and compare; without "
    "--from only make the tables, or bring them up to this version; the bot must not run"
)

ROWS_UNREAD = 3
"""How the nightly check ends where the files are whole, and the database could not be asked."""

_TRY = "what the body on stdin would become, and what of it is ignored and why; nothing is taken in"

_REPORT = (
    "a month's interruptions by customer, for who decides about refunds: minutes, cause, who was warned, and "
    "where each time is from; also while the bot runs"
)

_SEND_TEST = (
    "then send every configured template once to this phone, your own: asked back first, on record in the "
    "ledger, and only while the bot is stopped"
)


def parser() -> argparse.ArgumentParser:
    """All of it, in the language that is spoken."""
    argparse._ = _  # type: ignore[attr-defined]  # gettext would want compiled catalogues
    parser = argparse.ArgumentParser("python -m bot", description=_("The NOC's outage bot."))
    parser.add_argument(
        "--version", action="version", version=__version__, help=_("show program's version number and exit")
    )
    parser.set_defaults(command="run")
    commands = parser.add_subparsers(metavar=_("command"))
    for name, what in (
        ("run", "poll, post cards, send what people approve (default)"),
        ("setup", "one question at a time: write .env, each answer tried at once"),
        ("check", "try the settings, the folder and every system, without sending anything"),
    ):
        commands.add_parser(name, help=_(what)).set_defaults(command=name)
    commands.choices["check"].add_argument("--send-test", metavar="PHONE", help=_(_SEND_TEST))
    _demo_parser(
        commands.add_parser("demo", help=_("a pretend ISP, its NOC on a web page, and the real bot"))
    )
    _simulate_parser(commands.add_parser("simulate", help=_("only the pretend OLT API and HSM API")))
    _ledger_parsers(commands.add_parser("ledger", help=_("look at the ledger, or mend it")))
    _report_parser(commands.add_parser("report", help=_("a month's interruptions by customer")))
    _key_parsers(commands.add_parser("key", help=_("who may ask over the API whether an outage is on")))
    for system in sorted(path.parent.name for path in Path(__file__).parents[1].glob("sources/*/trial.py")):
        _trial_parser(commands.add_parser(system, help=_("what is pushed to the bot")), system)
    return parser


def _key_parsers(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True)
    for action, what in (
        ("add", "make a key for a system of yours and show it, once; the bot may run"),
        ("revoke", "a key is good no more, a second later; the bot may run"),
        ("list", "who has a key, and since when"),
    ):
        made = commands.add_parser(action, help=_(what), description=_(what))
        made.add_argument("--data", type=Path, help=_("the data folder (default: DATA_DIR)"))
        if action != "list":
            made.add_argument("name", metavar="NAME", help=_("of whoever asks with it, e.g. ura"))
        made.set_defaults(command="key", action=action)


def _trial_parser(parser: argparse.ArgumentParser, system: str) -> None:
    trial = parser.add_subparsers(required=True).add_parser("try", help=_(_TRY), description=_(_TRY))
    trial.add_argument("name", metavar="NAME", help=_("of whoever pushes it, as in SOURCE"))
    trial.set_defaults(command="try", system=system)


def _report_parser(parser: argparse.ArgumentParser) -> None:
    parser.description = _(_REPORT)
    parser.add_argument("month", type=_month, metavar="MONTH", help=_("such as 2026-11, by TZ"))
    parser.add_argument(
        "--csv", action="store_true", help=_("a row an interruption, for Excel (default: a summary)")
    )
    parser.add_argument("--out", type=Path, metavar="FILE", help=_("for this user alone (default: stdout)"))
    parser.add_argument("--out-to", type=int, help=argparse.SUPPRESS)  # a descriptor that the bot gives
    parser.add_argument("--data", type=Path, help=_("the data folder (default: DATA_DIR)"))
    parser.add_argument("--language", choices=("pt_BR", "en"), help=_("instead of BOT_LANGUAGE"))
    parser.add_argument("--least", type=_minutes, metavar="MINUTES", help=_("instead of CREDIT_MIN_MINUTES"))
    parser.set_defaults(command="report")


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
        ("migrate", _MIGRATE),
    ):
        made[name] = commands.add_parser(name, help=_(what), description=_(what))
        if name == "migrate":
            made[name].set_defaults(command=name)
            continue
        made[name].add_argument("--data", type=Path, help=_("the data folder (default: DATA_DIR)"))
        made[name].set_defaults(command=name)
    made["verify"].add_argument(
        "--head",
        type=_head,
        metavar="SEQ:HEX8",
        help=_("as a card or /audit shows it: is it that ledger?"),
    )
    made["verify"].add_argument(
        "--full",
        action="store_true",
        help=_("also read every field, and check that each line fits the state"),
    )
    made["verify"].add_argument("--rows", action="store_true", help=argparse.SUPPRESS)  # the nightly check
    made["show"].add_argument(
        "case", type=_case, nargs="?", help=_("its number (default: a line for each case)")
    )
    form = made["export"].add_mutually_exclusive_group(required=True)
    form.add_argument(
        "--csv", dest="form", action="store_const", const="csv", help=_("a row a line, for Excel")
    )
    form.add_argument("--json", dest="form", action="store_const", const="json", help=_("an object a line"))
    made["export"].add_argument(
        "--out", type=Path, metavar="FILE", help=_("for this user alone (default: stdout)")
    )
    made["export"].add_argument("--case", type=_case, metavar="N", help=_("only this one's lines"))
    made["export"].add_argument(
        "--phones", action="store_true", help=_("whole, not only the last four digits")
    )
    made["backup"].add_argument(
        "dest", type=Path, metavar="DEST", help=_("a new folder, best on another disk")
    )
    made["checkpoint"].add_argument("--line", type=_line, metavar="N", help=_("no further than this one"))
    made["cat"].add_argument(
        "months",
        type=_month,
        nargs="*",
        metavar="MONTH",
        help=_("only of these, as 2026-11 (default: all)"),
    )
    for name in ("person", "forget"):
        made[name].add_argument("phone", metavar="PHONE", help=_("with its area code, e.g. 61999990000"))
    made["person"].add_argument("--json", action="store_true", help=_("as JSON, to hand over"))
    made["person"].add_argument(
        "--out", type=Path, metavar="FILE", help=_("for this user alone (default: stdout)")
    )
    made["migrate"].add_argument(
        "--from", dest="source", metavar="FOLDER|URL", help=_("where it is: a data folder, or a database")
    )
    made["migrate"].add_argument(
        "--to", dest="dest", metavar="URL|FOLDER", help=_("where it goes (default: LEDGER)")
    )
    made["repair"].add_argument("--dry-run", action="store_true", help=_("only say what would be done"))


def _demo_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port", type=_port, default=8080, help=_("of the page; the next free one if taken"))
    parser.add_argument("--open", action="store_true", help=_("open the page in the browser"))
    parser.add_argument("--data", type=Path, help=_("keep the bot's data and log in this folder"))
    _world_arguments(parser)
    parser.add_argument("--lang", choices=("pt", "en"), default="pt", help=_("of the page and the bot"))
    parser.add_argument(
        "--gateway", metavar="NAME", help=_("what the bot sends by, unless a scene needs another")
    )
    parser.add_argument(
        "--source", metavar="NAME", help=_("what tells the bot what is down, several with commas")
    )
    parser.add_argument("--directory", metavar="NAME", help=_("the ERP that knows whose ONU it is"))
    parser.add_argument("--scene", metavar="NAME", help=_("tell this story, or all"))
    parser.add_argument(
        "--fast", action="store_true", help=_("the scenes without page and pauses: exit 0 or 1")
    )
    parser.add_argument("--scene-list", action="store_true", help=_("name the scenes"))
    parser.set_defaults(command="demo")


def _simulate_parser(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--port-olt", type=_port, default=9101, help=_("the next free one if taken"))
    parser.add_argument("--port-hsm", type=_port, default=9102, help=_("the next free one if taken"))
    parser.add_argument(
        "--telegram",
        type=_port,
        nargs="?",
        const=9103,
        metavar="PORT",
        help=_("a pretend Telegram, too (default: 9103): its group is this terminal"),
    )
    _world_arguments(parser)
    parser.set_defaults(command="simulate")


def _world_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--seed", type=int, default=0, help=_("the same seed, the same customers"))
    parser.add_argument(
        "--customers", type=_customers, default=4000, help=_("about how many (default: 4000)")
    )


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
        raise argparse.ArgumentTypeError(_("{text!r} is no month such as 2026-11", text=text))
    return text


def _minutes(text: str) -> int:
    return _between(text, 0, 1440)


def _head(text: str) -> tuple[int, str]:
    found = re.fullmatch(r"\s*([0-9]{1,18})\s*[:·.,; -]\s*([0-9a-f]{8,64})\s*", text.lower())
    if found is None:
        raise argparse.ArgumentTypeError(_("{text!r} is no line and digits such as 1234:ab12cd34", text=text))
    return int(found[1]), found[2]


def _between(text: str, low: int, high: int) -> int:
    if not (text.isascii() and text.isdecimal() and low <= int(text) <= high):
        raise argparse.ArgumentTypeError(
            _("{text!r} is no number from {low} to {high}", text=text, low=low, high=high)
        )
    return int(text)
