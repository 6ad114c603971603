"""What came of reading the settings again, for who asked for it."""

from markupsafe import Markup

from bot.chat.screens.fitting import LINE, fit
from bot.chat.screens.screen import Screen
from bot.chat.screens.words import Words
from bot.ports import Reread


def reloaded(found: Reread, words: Words) -> Screen:
    """What holds now, what needs a restart; or everything that is wrong, and then nothing has changed."""
    if found.problems:
        rows = [words.say("reload.problem", what=line) for line in found.problems]
        return _page(words.say("reload.refused", n=len(rows)), rows, words)
    rows = [words.say("reload.change", change=change) for change in found.changes]
    head = words.say("reload.changed" if rows else "reload.none")
    if found.restart:
        rows.append(words.say("reload.restart", names=", ".join(found.restart)))
    if found.overruled:
        rows.append(words.say("reload.overruled", names=", ".join(found.overruled)))
    if found.fixed:
        rows.append(words.say("reload.fixed"))
    return _page(head, rows, words)


def _page(head: Markup, rows: list[Markup], words: Words) -> Screen:
    return Screen(str(fit([head], rows, words, of=len(rows), gap=LINE)))
