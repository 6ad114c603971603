"""The stories that the demo tells and the tests play: what happens, what is said, what must come out."""

from bot.simulator.scenes import after, blocked, outages, phones, pushed, storm, trouble, waiting
from bot.simulator.scenes.play import Play, Scene, SceneFailed, Told

__all__ = ["SCENES", "Play", "Scene", "SceneFailed", "Told"]

SCENES: tuple[Scene, ...] = (
    outages.FIBRE_CUT,
    storm.POWER,
    storm.CABLE,
    storm.STORM,
    storm.POP,
    outages.FLAPPING,
    waiting.REMINDER,
    waiting.HOURS,
    waiting.TWO_PEOPLE,
    after.ETA_AND_CAUSE,
    after.RESTORED,
    phones.RECEIPTS,
    phones.LIMIT_OF_TODAY,
    phones.OPT_OUT,
    blocked.BLOCKED_CUSTOMERS,
    pushed.ZABBIX,
    trouble.TOKEN,
    trouble.TWO_TAPS,
    trouble.GATEWAY,
    trouble.KILLED,
    trouble.TELEGRAM_AWAY,
    outages.BACK,
)
