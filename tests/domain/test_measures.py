"""What is counted on the way: polls, look-ups, how long each took."""

from bot.domain.customer import Answered, Contact
from bot.domain.watched.measures import Measures, Spread
from bot.errors import TryLater


def test_what_took_exactly_so_long_is_counted_up_to_there() -> None:
    spread = Spread((0.5, 1.0))
    for seconds in (0.1, 0.5, 0.6, 1.0, 1.1, 30.0):
        spread.add(seconds)
    assert spread.counts == [2, 2, 2]
    assert round(spread.seconds, 3) == 33.3


def test_a_look_up_counts_customers_and_not_questions() -> None:
    measures = Measures()
    answer = Answered({"a": Contact("1", "Ana", ""), "b": None}, TryLater("refused"))
    measures.looked_up(5, answer, 0.2)
    assert measures.look_ups == {"found": 1, "none": 1, "error": 3}
    assert sum(measures.look_up_seconds.counts) == 1


def test_polls_are_counted_by_source_and_how_they_ended() -> None:
    measures = Measures()
    measures.polled("a", "ok", 0.2)
    measures.polled("a", "partial", 0.3)
    measures.polled("b", "error", 20.0)
    assert measures.polls == {("a", "ok"): 1, ("a", "partial"): 1, ("b", "error"): 1}
    assert {name: sum(spread.counts) for name, spread in measures.poll_seconds.items()} == {"a": 2, "b": 1}
