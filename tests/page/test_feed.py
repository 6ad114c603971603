from bot.simulator.page.feed import coalesced


def test_many_edits_of_a_message_are_its_last() -> None:
    first, last = {"chat": 1, "id": 2, "text": "a"}, {"chat": 1, "id": 2, "text": "b"}
    other = {"chat": 1, "id": 3, "text": "c"}
    batch = [("message", first), ("toast", 1), ("message", other), ("message", last), ("toast", 2)]
    assert coalesced(batch) == {"message": [last, other], "toast": [1, 2]}
