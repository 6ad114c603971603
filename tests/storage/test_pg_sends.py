"""What is handed to another machine is taken by that one, once, or taken back, and never both."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from psycopg import AsyncConnection

from bot.domain.plan import Message, Outcome, Receipt
from bot.storage.postgres.lease import Lease
from bot.storage.postgres.sends import Answer, Handing, Parcel, Taking
from bot.storage.postgres.talk import Away
from tests.fakes import NOON
from tests.isp import until
from tests.postgres import Server, running

pytestmark = pytest.mark.process
LONG = 30.0  # seconds that a question may take beside a whole suite
LASTS = 600.0  # of the lease: what is to be over is over by hand
SENT = Answer(Receipt(Outcome.ACCEPTED, reference="77"))
REFUSED = Answer(Receipt(Outcome.REJECTED, reason="blocked", halt="key"))
NOT_LEFT = Answer(why="refused", pause=2.5, asked=True)


def maria(number: int = 1) -> Message:
    return Message(f"c{number}", "5561999990000", "Maria 🌻", "LOS", started=NOON, about=f"k.1.1.c{number}")


@dataclass
class Hands:
    """Who leads, by the first epoch, and a machine that stands by; `sql` asks the database itself."""

    url: str
    server: Server
    leads: Handing
    stands_by: Taking

    @classmethod
    async def at(cls, server: Server, url: str) -> "Hands":
        lease = Lease(url, "a 1", ttl=LASTS, patience=LONG)
        assert await lease.take() is not None
        await lease.close()
        return cls(url, server, Handing(url, 1, "same", patience=LONG), cls.machine(url, "b 2"))

    @staticmethod
    def machine(url: str, owner: str, gateway: str = "same") -> Taking:
        return Taking(url, owner, gateway, patience=LONG)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        return self.server.run(statement, self.url.rpartition("/")[2])

    def states(self) -> dict[object, object]:
        return dict(self.sql("SELECT id, state FROM ledger_sends WHERE state <> 'mark'"))  # type: ignore[arg-type]

    async def put(self, *ids: str, owner: str = "b 2") -> str:
        return await self.leads.put([Parcel(id_, owner, maria()) for id_ in ids])

    async def taken(self, most: int = 9) -> list[str]:
        return [id_ for id_, _ in await self.stands_by.take(most)]

    def hang_up(self) -> None:
        self.leads.hang_up()
        self.stands_by.hang_up()


@pytest.fixture
async def hands(postgres: Server, database: str) -> AsyncIterator[Hands]:
    made = await Hands.at(postgres, database)
    yield made
    made.hang_up()


class Late:
    """A question whose answer never came: it waits with the server, and is done when let go."""

    def __init__(self, hands: Hands) -> None:
        self._hands = hands

    async def put(self, id_: str) -> str:
        """It may have been handed over, as far as the leader knows, and it is not done yet."""
        talk = self._hands.leads._talk
        await talk.ask("SET statement_timeout = 0")
        await talk.ask("SET lock_timeout = 0")
        self._held = await AsyncConnection.connect(self._hands.url)
        await self._held.execute("LOCK TABLE ledger_sends IN EXCLUSIVE MODE")
        talk._patience = 0.3
        mark = await self._hands.put(id_)
        talk._patience = LONG
        return mark

    async def let_go(self) -> None:
        await self._held.close()
        going_on = "FROM pg_stat_activity WHERE query LIKE '%WITH put AS%' AND state = 'active'"
        await until(lambda: not self._hands.sql(f"SELECT {going_on} AND pid <> pg_backend_pid()"))


class TestTheMachines:
    async def test_those_that_send_in_the_same_way_are_there(self, hands: Hands) -> None:
        for owner, gateway in (("c 3", "same"), ("b 2", "same"), ("d 4", "another")):
            machine = Hands.machine(hands.url, owner, gateway)
            await machine.here()
            machine.hang_up()
        assert await hands.leads.machines() == ["b 2", "c 3"]

    async def test_who_is_gone_or_was_not_heard_of_for_seconds_is_not(self, hands: Hands) -> None:
        await hands.stands_by.here()
        await hands.stands_by.gone()
        assert await hands.leads.machines() == []
        await hands.stands_by.here()
        [(seconds,)] = hands.sql(
            "SELECT extract(epoch FROM until - clock_timestamp())::float FROM ledger_senders"
        )
        assert isinstance(seconds, float)
        assert seconds <= 3
        hands.sql("UPDATE ledger_senders SET until = clock_timestamp() - interval '1 millisecond'")
        assert await hands.leads.machines() == []
        await hands.stands_by.here()
        assert await hands.leads.machines() == ["b 2"]


class TestTaking:
    async def test_it_is_taken_once_and_is_what_was_handed_over(self, hands: Hands) -> None:
        when = datetime(2026, 3, 1, 23, 59, 59, 999999, timezone(timedelta(hours=-3)))
        whole = Message(
            "c9", "5561", 'Zé "\\\r\n\0🌻', "LOS.NORTE", when, NOON, when, "causa — é", "k.1.2.c9"
        )
        await hands.leads.put([Parcel("1-1", "b 2", whole)])
        assert await hands.stands_by.take(9) == [("1-1", whole)]
        assert await hands.stands_by.take(9) == []

    async def test_nobody_else_takes_it(self, hands: Hands) -> None:
        await hands.put("1-1")
        for owner in ("b 3", "b", "", "a 1"):
            other = Hands.machine(hands.url, owner)
            assert await other.take(9) == []
            other.hang_up()
        assert await hands.taken() == ["1-1"]

    async def test_no_more_than_it_asked_for(self, hands: Hands) -> None:
        await hands.put("1-1", "1-2", "1-3")
        assert len(await hands.taken(2)) == 2
        assert len(await hands.taken(2)) == 1

    async def test_many_questions_at_once_get_each_once(self, hands: Hands) -> None:
        ids = [f"1-{number}" for number in range(60)]
        await hands.put(*ids)
        askers = [Hands.machine(hands.url, "b 2") for _ in range(6)]
        found = await asyncio.gather(*(asker.take(7) for asker in askers for _ in range(4)))
        assert sorted(id_ for rows in found for id_, _ in rows) == sorted(ids)
        for asker in askers:
            asker.hang_up()

    async def test_its_text_is_gone_then(self, hands: Hands) -> None:
        mark = await hands.put("1-1", "1-2")
        assert len(hands.sql("SELECT FROM ledger_sends WHERE message LIKE '%Maria%'")) == 2
        await hands.taken(1)
        assert len(hands.sql("SELECT FROM ledger_sends WHERE message LIKE '%Maria%'")) == 1
        await hands.leads.take_back(["1-2"], mark)
        assert hands.sql("SELECT FROM ledger_sends WHERE message <> ''") == []

    @pytest.mark.parametrize(
        "over",
        [
            "UPDATE ledger_lease SET until = clock_timestamp() + interval '0.999 seconds'",
            "UPDATE ledger_lease SET until = '-infinity'",
            "UPDATE ledger_lease SET epoch = epoch + 1",
            "UPDATE ledger_lease SET epoch = epoch - 1",
            "UPDATE ledger_lease SET name = 'database'",
            "DELETE FROM ledger_lease",
        ],
    )
    async def test_not_where_its_leader_does_not_lead_for_another_second(
        self, hands: Hands, over: str
    ) -> None:
        await hands.put("1-1")
        hands.sql(over)
        assert await hands.taken() == []
        assert hands.states() == {"1-1": "waiting"}

    async def test_where_it_leads_for_longer_it_is(self, hands: Hands) -> None:
        await hands.put("1-1")
        hands.sql("UPDATE ledger_lease SET until = clock_timestamp() + interval '30 seconds'")
        assert await hands.taken() == ["1-1"]

    async def test_what_nobody_can_read_is_taken_and_said_to_be_so(self, hands: Hands) -> None:
        await hands.put("1-1", "1-2")
        hands.sql("UPDATE ledger_sends SET message = '{\"id\": 1}' WHERE id = '1-1'")
        assert dict(await hands.stands_by.take(9)) == {"1-1": None, "1-2": maria()}


class TestTakingBack:
    async def test_what_waits_and_then_nobody_takes_it(self, hands: Hands) -> None:
        mark = await hands.put("1-1", "1-2")
        assert await hands.leads.take_back(["1-1"], mark) == {"1-1"}
        assert await hands.leads.take_back(["1-1"], mark) == {"1-1"}, "asked again it is as true"
        assert await hands.taken() == ["1-2"]

    async def test_not_what_was_taken_or_answered(self, hands: Hands) -> None:
        mark = await hands.put("1-1", "1-2")
        await hands.taken()
        assert await hands.leads.take_back(["1-1", "1-2"], mark) == set()
        await hands.stands_by.answer({"1-2": SENT})
        assert await hands.leads.take_back(["1-1", "1-2"], mark) == set()
        assert hands.states() == {"1-1": "taken", "1-2": "answered"}

    async def test_of_both_at_once_one_gets_each(self, hands: Hands) -> None:
        ids = [f"1-{number}" for number in range(100)]
        mark = await hands.put(*ids)
        taking = asyncio.gather(*(hands.taken(5) for _ in range(20)))
        backs = await asyncio.gather(*(hands.leads.take_back([id_], mark) for id_ in reversed(ids)))
        back, taken = set[str]().union(*backs), {id_ for found in await taking for id_ in found}
        assert back.isdisjoint(taken)
        assert back | taken == set(ids)

    async def test_what_is_handed_over_behind_it_is_not_taken(self, hands: Hands) -> None:
        late = Late(hands)
        mark = await late.put("1-1")
        back = asyncio.create_task(hands.leads.take_back(["1-1"], mark))
        await late.let_go()
        assert await back == {"1-1"}
        assert await hands.taken() == []
        await hands.put("1-1", "1-2")  # and where it comes wholly behind it
        assert await hands.taken() == ["1-2"]

    async def test_what_may_have_been_handed_over_and_was_taken_is_not_back(self, hands: Hands) -> None:
        late = Late(hands)
        mark = await late.put("1-1")
        await late.let_go()
        assert await hands.taken() == ["1-1"]
        assert await hands.leads.take_back(["1-1"], mark) == set()

    async def test_where_the_table_was_emptied_it_proves_nothing(self, hands: Hands) -> None:
        mark = await hands.put("1-1", "1-2")
        assert await hands.taken(1) == ["1-1"]
        hands.sql("TRUNCATE ledger_sends")
        hands.leads.hang_up()
        after = await hands.put("1-3")
        assert await hands.leads.take_back(["1-1", "1-2"], mark) == set()
        assert await hands.leads.take_back(["1-3"], after) == {"1-3"}, "of a later one it does"

    async def test_a_crash_of_the_database_empties_it(self, pg_shared: Path) -> None:
        with running(pg_shared) as server:
            hands = await Hands.at(server, server.database())
            mark = await hands.put("1-1", "1-2")
            await hands.taken(1)
            server.stop(signal.SIGQUIT)
            with pytest.raises(Away):
                await hands.leads.take_back(["1-1", "1-2"], mark)
            server.start()
            assert await hands.leads.take_back(["1-1", "1-2"], mark) == set()
            assert hands.sql("SELECT FROM ledger_sends WHERE state <> 'mark'") == []
            hands.hang_up()


class TestHandingOver:
    async def test_without_an_answer_it_may_be_done(self, hands: Hands) -> None:
        late = Late(hands)
        assert await late.put("1-1") == "1/1 1"
        await late.let_go()
        assert hands.states() == {"1-1": "waiting"}

    async def test_without_a_connection_it_is_known_not_to_be(self, pg_shared: Path) -> None:
        with running(pg_shared) as server:
            hands = await Hands.at(server, server.database())
            server.stop(signal.SIGQUIT)
            with pytest.raises(Away):
                await hands.put("1-1")
            server.start()
            assert await hands.taken() == []
            hands.hang_up()

    async def test_who_did_not_get_a_connection_in_time_does_nothing_with_it_later(
        self, hands: Hands
    ) -> None:
        connected, go_on = hands.leads._talk._connected, asyncio.Event()

        async def slowly() -> AsyncConnection[object]:
            try:
                await go_on.wait()
            except asyncio.CancelledError:
                await go_on.wait()  # as a driver does that ends first what it began
            return await connected()

        hands.leads._talk._connected, hands.leads._talk._patience = slowly, 0.01  # type: ignore[method-assign]
        with pytest.raises(Away):
            await hands.put("1-1")
        go_on.set()
        await until(lambda: len(asyncio.all_tasks()) == 1)
        assert hands.sql("SELECT FROM ledger_sends WHERE state <> 'mark'") == []

    async def test_nothing_goes_into_a_table_that_was_emptied_under_its_connection(
        self, hands: Hands
    ) -> None:
        await hands.put("1-1")
        hands.sql("TRUNCATE ledger_sends")  # behind a pooler a crash ends no connection
        with pytest.raises(Away, match="emptied"):
            await hands.put("1-2")
        assert await hands.taken() == []
        mark = await hands.put("1-3")
        assert await hands.leads.take_back(["1-3"], mark) == {"1-3"}

    async def test_what_is_no_text_is_known_not_to_be_sent_there(self, hands: Hands) -> None:
        broken = Message("c1", "55", "\ud83c", "LOS")
        with pytest.raises(Away, match="no text"):
            await hands.leads.put([Parcel("1-1", "b 2", maria()), Parcel("1-2", "b 2", broken)])
        assert await hands.taken() == []
        await hands.put("1-3")
        assert await hands.taken() == ["1-3"]


class TestAnswers:
    @pytest.mark.parametrize(
        "answer", [SENT, REFUSED, NOT_LEFT, Answer(Receipt(Outcome.UNKNOWN, None, "reset"))]
    )
    async def test_one_is_told_until_it_is_heard(self, hands: Hands, answer: Answer) -> None:
        await hands.put("1-1")
        await hands.taken()
        assert await hands.leads.answers() == []
        await hands.stands_by.answer({"1-1": answer})
        for _ in range(2):
            assert await hands.leads.answers() == [("1-1", "k.1.1.c1", answer)]
        await hands.leads.heard(["1-1"])
        assert await hands.leads.answers() == []
        assert hands.states() == {}

    async def test_the_first_one_counts(self, hands: Hands) -> None:
        await hands.put("1-1")
        await hands.taken()
        await hands.stands_by.answer({"1-1": SENT})
        await hands.stands_by.answer({"1-1": NOT_LEFT})
        assert await hands.leads.answers() == [("1-1", "k.1.1.c1", SENT)]

    async def test_none_for_what_was_not_taken(self, hands: Hands) -> None:
        mark = await hands.put("1-1", "1-2")
        await hands.leads.take_back(["1-2"], mark)
        await hands.stands_by.answer({"1-1": SENT, "1-2": SENT, "1-3": SENT})
        assert await hands.leads.answers() == []
        await hands.leads.heard(["1-1", "1-2"])
        assert hands.states() == {"1-1": "waiting", "1-2": "back"}

    async def test_what_nobody_can_read_is_unknown(self, hands: Hands) -> None:
        await hands.put("1-1")
        await hands.taken()
        await hands.stands_by.answer({"1-1": SENT})
        hands.sql("UPDATE ledger_sends SET answer = '{'")
        [(_, _, answer)] = await hands.leads.answers()
        assert answer.receipt == Receipt(Outcome.UNKNOWN, reason="error")

    @pytest.mark.parametrize(
        ("broken", "told"),
        [
            (
                Answer(Receipt(Outcome.ACCEPTED, "\ud83c")),
                Answer(Receipt(Outcome.ACCEPTED, None, "error"), "error"),
            ),
            (
                Answer(Receipt(Outcome.REJECTED, None, "\ud83c", "key")),
                Answer(Receipt(Outcome.REJECTED, None, "error", "key"), "error"),
            ),
            (Answer(why="\ud83c", pause=2.0, asked=True), Answer(why="error", pause=2.0, asked=True)),
        ],
    )
    async def test_words_that_are_no_text_hide_nothing(
        self, hands: Hands, broken: Answer, told: Answer
    ) -> None:
        await hands.put("1-1", "1-2")
        await hands.taken()
        await hands.stands_by.answer({"1-1": broken, "1-2": SENT})
        assert {id_: answer for id_, _, answer in await hands.leads.answers()} == {
            "1-1": told,
            "1-2": SENT,
        }

    async def test_those_to_who_led_before_are_told_only_when_asked_for(self, hands: Hands) -> None:
        await hands.put("1-1")
        await hands.taken()
        await hands.stands_by.answer({"1-1": SENT})
        following, later = (Handing(hands.url, epoch, "same", patience=LONG) for epoch in (2, 3))
        assert await following.answers() == []
        assert await following.answers(before=True) == [("1-1", "k.1.1.c1", SENT)]
        assert await later.answers(before=True) == []
        assert await hands.leads.answers(before=True) == []
        await following.heard(["1-1"])
        assert await following.answers(before=True) == []
        following.hang_up()
        later.hang_up()

    async def test_none_to_who_led_before_and_had_ceased_to_wait(self, hands: Hands) -> None:
        await hands.put("1-1", "1-2")
        await hands.taken()
        await hands.stands_by.answer({"1-1": SENT, "1-2": SENT})
        hands.sql("UPDATE ledger_sends SET at = at - interval '601 seconds' WHERE id = '1-1'")
        following = Handing(hands.url, 2, "same", patience=LONG)
        assert [id_ for id_, _, _ in await following.answers(before=True)] == ["1-2"]
        assert len(await hands.leads.answers()) == 2
        following.hang_up()


class TestClearing:
    async def test_what_nobody_took_of_who_led_before_stays_unsent(self, hands: Hands) -> None:
        await hands.put("1-1", "1-2")
        await hands.taken(1)
        following = Handing(hands.url, 2, "same", patience=LONG)
        await following.clear()
        following.hang_up()
        assert hands.states() == {"1-1": "taken"}
        assert await hands.taken() == []

    async def test_of_those_who_led_before_that_nothing_stays(self, hands: Hands) -> None:
        mark = await hands.put("1-1", "1-2", "1-3", "1-4")
        await hands.leads.take_back(["1-1"], mark)
        await hands.taken(2)
        await hands.stands_by.answer({"1-2": SENT})
        later = Handing(hands.url, 3, "same", patience=LONG)
        await later.clear()
        assert hands.sql("SELECT id FROM ledger_sends") == [(later.mark,)]
        later.hang_up()

    async def test_what_was_taken_is_not_back_however_old_it_looks(self, hands: Hands) -> None:
        mark = await hands.put("1-1", "1-2", "1-3")
        await hands.leads.take_back(["1-3"], mark)
        await hands.taken(2)
        await hands.stands_by.answer({"1-2": SENT})
        hands.sql("UPDATE ledger_sends SET at = at - interval '2 hours'")  # the database's clock was set
        await hands.leads.clear()
        assert hands.states() == {"1-1": "taken", "1-2": "answered"}
        assert await hands.leads.take_back(["1-1", "1-2"], mark) == set()
        assert len(await hands.leads.answers()) == 1

    async def test_machines_that_were_not_heard_of_for_an_hour_are_forgotten(self, hands: Hands) -> None:
        for minutes in (59, 61):
            ago = f"clock_timestamp() - interval '{minutes} minutes'"
            hands.sql(f"INSERT INTO ledger_senders VALUES ('{minutes}', 'same', {ago})")  # noqa: S608
        await hands.leads.clear()
        assert hands.sql("SELECT owner FROM ledger_senders") == [("59",)]
