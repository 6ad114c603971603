"""Months of a NOC whose book forgets: nobody gets two by it, and no rule decides otherwise for it."""

from pathlib import Path
from unittest.mock import patch

import pytest

from bot.domain import leaving
from tests.faults.forget_story import DAYS_AUDITED, MOST_AUDITED, ForgetStory
from tests.faults.tries import Tries

STORIES, STEPS = 120, 250
OPTING = 40  # stories in which customers ask for no messages


def opted_out(tries: Tries, _folder: Path) -> None:
    """Those of customers who ask for no messages."""
    months(tries, OPTING, opting=True)


def attack(tries: Tries, folder: Path) -> None:
    """Random months, each a story: who decides is this bot, or one before it that forgot nothing."""
    months(tries, STORIES)
    opted_out(tries, folder)


def months(tries: Tries, stories: int, *, opting: bool = False) -> None:
    """So many stories."""
    with patch.multiple(leaving, ENTRIES=MOST_AUDITED, AUDITED=DAYS_AUDITED):
        for seed in range(stories):
            ForgetStory(tries, seed, opting=opting).play(STEPS)
            tries.runs += 1


@pytest.mark.attack
def test_forgetting_decides_nothing(tries: Tries, tmp_path: Path) -> None:
    attack(tries, tmp_path)


@pytest.mark.attack
def test_the_stories_forget() -> None:
    """Else they would prove nothing: cases leave, some of them in doubt, and late lines come about them."""
    left = late = undecided = 0
    with patch.multiple(leaving, ENTRIES=MOST_AUDITED, AUDITED=DAYS_AUDITED):
        for seed in range(20):
            story = ForgetStory(Tries("forget"), seed)
            story.play(STEPS)
            left += len(story.whole.cases) - len(story.book.cases)
            late += story.late
            undecided += len(story.undecided)
    assert left > 100
    assert late
    assert undecided
