"""A text in a cell of a sheet: no spreadsheet runs it, whichever sign it takes for the end of a cell."""

import re

# Full-width signs, too: Excel in some languages takes them for their ASCII twins.
_SIGN = r"[=+\-@＝＋－＠]"
# Our sheets are divided by `;`. One who opens them by `,`, as LibreOffice offers and Excel in English does,
# begins a cell after each, and then quotes hold nothing together.
_BEGINS = re.compile(rf"((?:^|[,;\t\r\n])[\s\"]*)(?={_SIGN})")


def unrun(text: str) -> str:
    """The text with an apostrophe before what would begin a formula."""
    quoted = _BEGINS.sub(r"\1'", text)
    return f"'{quoted}" if quoted.startswith(("\t", "\r")) else quoted
