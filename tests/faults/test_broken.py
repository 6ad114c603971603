"""How a broken copy finds what it breaks."""

import pytest

from tests.faults.broken import NotOnce, broken

CODE = """
LIMIT = 3


class Desk:
    def send(self, who):
        if who.waits:  # a comment
            self.note(
                who,
            )
        return self.note(who) or LIMIT

    async def stop(self):
        self.note(None)

    def stop(self, now):
        self.halt(now)
"""


def test_an_expression_becomes_another_one() -> None:
    assert "if False:" in broken(CODE, "Desk.send", "who . waits", "False")
    assert "LIMIT = 4" in broken(CODE, "LIMIT", "3", "4")


def test_statements_become_others() -> None:
    there = broken(CODE, "Desk.send", "return self.note(who) or LIMIT", "self.halt()\nreturn None")
    assert there.index("self.halt()") < there.index("return None")


def test_a_statement_is_left_out_and_its_block_stays_one() -> None:
    assert "def stop(self, now):\n        pass" in broken(CODE, "Desk.stop", "self.halt(now)", "")


def test_a_line_break_and_a_comment_cost_nothing() -> None:
    assert "if False:" in broken(CODE, "Desk.send", "if who.waits: self.note(who)", "if False: pass")


@pytest.mark.parametrize(
    ("place", "old"),
    [
        ("Desk.send", "self.halt(now)"),  # not there
        ("Desk.send", "self.note(who)"),  # twice
        ("Desk.gone", "self.halt(now)"),
        ("send", "who.waits"),  # a class's function is named with the class
    ],
)
def test_what_is_not_there_once_is_not_broken(place: str, old: str) -> None:
    with pytest.raises(NotOnce):
        broken(CODE, place, old, "None")
