"""Why the ledger is closed, as the group needs it: which file and line, without the server's paths."""

import re

_FILE = re.compile(r"([^\s/\\:]+\.jsonl)\b")
_LINE = re.compile(r"\bline ([0-9]+)")


def ledger_facts(why: str) -> dict[str, str | None]:
    """`file` (its name alone), `line` and `cause` (a reason code), None where the text names none."""
    file, line = _FILE.search(why), _LINE.search(why)
    return {
        "file": file[1] if file else None,
        "line": line[1] if line else None,
        "cause": "no_room" if "no space left" in why.casefold() else None,
    }
