from bot.simulator.page.feed import WHATSAPP_SHOWN, coalesced


def test_many_edits_of_a_message_are_its_last() -> None:
    first, last = {"chat": 1, "id": 2, "text": "a"}, {"chat": 1, "id": 2, "text": "b"}
    other = {"chat": 1, "id": 3, "text": "c"}
    batch = [("message", first), ("toast", 1), ("message", other), ("message", last), ("toast", 2)]
    assert coalesced(batch) == {"message": [last, other], "toast": [1, 2]}


def test_of_the_receipts_the_last_of_each_of_the_newest_messages_is_told() -> None:
    words = ("sent", "delivered", "read")
    batch = [("receipt", {"id": number, "state": word}) for word in words for number in range(1, 101)]
    told = coalesced(batch)["receipt"]
    assert [receipt["id"] for receipt in told] == list(range(101 - WHATSAPP_SHOWN, 101))
    assert {receipt["state"] for receipt in told} == {"read"}
