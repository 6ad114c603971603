"""The stories that the demo tells and the tests play: what happens, what is said, what must come out."""

from bot.simulator.scenes import outages, trouble
from bot.simulator.scenes.play import Play, Scene, SceneFailed, Told

__all__ = ["SCENES", "Play", "Scene", "SceneFailed", "Told"]

SCENES: tuple[Scene, ...] = (
    outages.FIBRE_CUT,
    outages.POWER,
    outages.CABLE,
    outages.FLAPPING,
    trouble.TOKEN,
    trouble.TWO_TAPS,
    trouble.GATEWAY,
    trouble.KILLED,
    trouble.TELEGRAM_AWAY,
    outages.BACK,
)
