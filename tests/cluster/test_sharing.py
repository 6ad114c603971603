"""Who leads shares the sending with a machine that stands by: each message goes out once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from functools import partial

import pytest

from bot.domain.plan import BROKEN_OFF, Message, Outcome, Receipt
from bot.errors import AnswerLost, Throttled, TryLater
from bot.gateways.dry_run import DryRun
from bot.process.cluster import sharing
from bot.process.cluster.lending import Lending
from bot.process.cluster.sharing import ASIDE, AT_ONCE, BEFORE, LOST, Sharing
from bot.storage.postgres import sends
from bot.storage.postgres.lease import Lease, boottime
from bot.storage.postgres.notices import Notices
from bot.storage.postgres.sends import CHANNEL, LEAVES_WITHIN, Answer, Handing, Parcel, Taking
from bot.storage.postgres.talk import Away
from tests.fakes import FakeClock
from tests.isp import until
from tests.postgres import Server

pytestmark = pytest.mark.process
LONG = 60.0  # seconds that anything may take beside a whole suite
SOON = 0.02  # where a limit is to run out
ACCEPTED = Receipt(Outcome.ACCEPTED)
NO_KEY = Receipt(Outcome.REJECTED, reason="key", halt="key")


class Gateway(DryRun):
    """What has left is in `received`. `connects` and `answering` hold a send up before that and behind it.

    `answers` come in turn; then all is accepted.
    """

    def __init__(self) -> None:
        super().__init__()
        self.received: list[str] = []
        self.answers: list[Receipt | Exception] = []
        self.connects, self.answering = asyncio.Event(), asyncio.Event()
        self.connects.set()
        self.answering.set()
        self.asked, self.closed = 0, False
        self.may_leave: Callable[[], bool] = lambda: True

    def guard(self, may_leave: Callable[[], bool]) -> None:
        self.may_leave = may_leave

    async def send(self, message: Message) -> Receipt:
        self.asked += 1
        await self.connects.wait()
        if not self.may_leave():
            raise TryLater("not_leading")
        answer = self.answers.pop(0) if self.answers else ACCEPTED
        if isinstance(answer, TryLater):
            raise answer
        if answer is ACCEPTED or not isinstance(answer, Receipt) or answer.outcome is not Outcome.REJECTED:
            self.received.append(message.recipient)
        await self.answering.wait()
        if isinstance(answer, Exception):
            raise answer
        return answer

    async def aclose(self) -> None:
        self.closed = True


class Hand:
    """A machine's clock, set by hand."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Two:
    """noc-a leads (`here`), and noc-b stands by (`there`)."""

    def __init__(self, url: str, server: Server) -> None:
        self.url, self._server = url, server
        self.here, self.there = Gateway(), Gateway()
        self.clock, self.hand = FakeClock(), Hand()
        self.left: list[tuple[str, Receipt]] = []
        self.handing, self.taking = Handing(url, 1, "same", patience=LONG), self.machine("noc-b 2")
        self.sharing = self.leader(self.handing)
        self.lending = self.lends(self.taking, self.there)
        self.numbers = iter(range(10_000))

    def machine(self, owner: str) -> Taking:
        return Taking(self.url, owner, "same", patience=LONG)

    def leader(self, handing: Handing) -> Sharing:
        async def left(about: str, receipt: Receipt) -> None:
            self.left.append((about, receipt))

        return Sharing(handing, self.listen, self.here.send, left, self.clock)

    def lends(self, taking: Taking, gateway: Gateway, most: int = 20) -> Lending:
        return Lending(taking, self.listen, gateway, most=most, seconds=self.hand)

    @property
    def listen(self) -> Callable[[Callable[[], None]], Notices]:
        return partial(Notices, self.url, channel=CHANNEL)

    def sql(self, statement: str) -> list[tuple[object, ...]]:
        return self._server.run(statement, self.url.rpartition("/")[2])

    async def are(self, machines: int) -> None:
        await until(lambda: self.sharing.machines == machines)

    def send(self, name: str = "Maria") -> "asyncio.Task[Receipt]":
        to = f"c{next(self.numbers)}"
        return asyncio.create_task(
            self.sharing.send(Message(to, "5561999990000", name, "LOS", about=f"k.1.1.{to}"))
        )

    def counts(self) -> tuple[int, int]:
        """How many left here, and there; no customer got two."""
        both = self.here.received + self.there.received
        assert len(set(both)) == len(both)
        return len(self.here.received), len(self.there.received)

    def says_it_is_there(self) -> None:
        """And no more than that."""
        self.sql("INSERT INTO ledger_senders VALUES ('noc-b 2', 'same', 'infinity')")


@pytest.fixture
async def two(database: str, postgres: Server, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Two]:
    """Both begin when the test says so. No limit runs out unless the test shortens it."""
    monkeypatch.setattr(sharing, "TAKEN_WITHIN", LONG)
    monkeypatch.setattr(sharing, "MACHINES", SOON)
    monkeypatch.setattr(sends, "ALIVE", 600)
    lease = Lease(database, "noc-a 1", ttl=600, patience=LONG)
    assert await lease.take() is not None
    await lease.close()
    async with AsyncExitStack() as stack:
        made = Two(database, postgres)
        stack.push_async_callback(made.lending.stop)
        stack.push_async_callback(made.sharing.stop)
        yield made


async def takes_nothing(two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is there and takes nothing by itself, which soon is too long."""
    monkeypatch.setattr(sharing, "TAKEN_WITHIN", SOON)
    two.says_it_is_there()
    two.sharing.start()
    await two.are(2)


async def both(two: Two) -> Two:
    two.sharing.start()
    two.lending.start()
    await two.are(2)
    return two


class TestInTurn:
    async def test_alone_it_sends_all_itself(self, two: Two) -> None:
        two.sharing.start()
        assert two.sharing.machines == 1
        for _ in range(4):
            assert await two.send() == ACCEPTED
        assert two.counts() == (4, 0)

    async def test_of_two_each_sends_every_other_one(self, two: Two) -> None:
        await both(two)
        for _ in range(6):
            assert await two.send() == ACCEPTED
        assert two.counts() == (3, 3)
        assert two.lending.count == 3
        await until(lambda: two.sql("SELECT FROM ledger_sends WHERE state <> 'mark'") == [])

    async def test_of_three_every_third_and_many_at_once(self, two: Two) -> None:
        await both(two)
        third = Gateway()
        lends = two.lends(two.machine("noc-c 3"), third)
        lends.start()
        await two.are(3)
        found = await asyncio.gather(*(two.send() for _ in range(60)))
        assert found == [ACCEPTED] * 60
        assert (*two.counts(), len(third.received)) == (20, 20, 20)
        assert len({*two.here.received, *two.there.received, *third.received}) == 60
        await lends.stop()

    async def test_no_more_are_in_flight_there_than_it_was_told(self, two: Two) -> None:
        two.sharing.start()
        lends = two.lends(two.machine("noc-c 3"), two.there, most=3)
        lends.start()
        await two.are(2)
        two.there.answering.clear()
        sent = [two.send() for _ in range(16)]
        await until(lambda: len(two.here.received) == 8)
        await until(lambda: two.there.asked == 3)
        for _ in range(2):  # it looks on, and has no room
            two.hand.now += 1
            two.sql("DELETE FROM ledger_senders")
            await until(lambda: two.sql("SELECT FROM ledger_senders"))
        assert two.there.asked == 3
        two.there.answering.set()
        assert await asyncio.gather(*sent) == [ACCEPTED] * 16
        await lends.stop()

    async def test_a_machine_that_goes_is_handed_nothing(
        self, two: Two, caplog: pytest.LogCaptureFixture
    ) -> None:
        caplog.set_level("INFO")
        await both(two)
        await two.lending.stop()
        await two.are(1)
        assert two.there.closed
        for _ in range(3):
            assert await two.send() == ACCEPTED
        assert two.counts() == (3, 0)
        said = [record.message for record in caplog.records if record.name == sharing.__name__]
        assert said == ["noc-b sends messages, too", "noc-b sends no messages any more"]


class TestWhatIsKnownNotToHaveLeftThere:
    async def test_what_nobody_takes_is_taken_back_and_sent_here(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await takes_nothing(two, monkeypatch)
        assert await two.send() == ACCEPTED
        assert two.sharing.machines == 1, "it is set aside"
        assert await two.send() == ACCEPTED
        assert two.counts() == (2, 0)
        assert two.sql("SELECT state FROM ledger_sends WHERE state <> 'mark'") == [("back",)]
        assert await two.taking.take(9) == []
        two.clock.ticks += ASIDE - 0.1
        assert two.sharing.machines == 1
        two.clock.ticks += 0.1
        assert two.sharing.machines == 2

    async def test_what_the_gateway_there_did_not_get_goes_by_the_one_here(self, two: Two) -> None:
        await both(two)
        two.there.answers = [TryLater("refused")]
        assert await two.send() == ACCEPTED
        assert (two.counts(), two.sharing.machines) == ((1, 0), 1)

    async def test_a_refusal_that_hits_all_there_goes_by_the_one_here(self, two: Two) -> None:
        await both(two)
        two.there.answers = [NO_KEY]
        assert await two.send() == ACCEPTED
        assert (two.counts(), two.sharing.machines) == ((1, 0), 1)

    async def test_and_where_all_are_refused_here_as_well_it_says_so(self, two: Two) -> None:
        await both(two)
        two.there.answers, two.here.answers = [NO_KEY], [NO_KEY]
        assert await two.send() == NO_KEY

    async def test_one_customers_refusal_is_an_answer(self, two: Two) -> None:
        await both(two)
        refused = Receipt(Outcome.REJECTED, reason="blocked")
        two.there.answers = [refused]
        assert await two.send() == refused
        assert (two.here.asked, two.sharing.machines) == (0, 2)

    async def test_who_is_asked_for_a_pause_there_pauses_as_a_whole(self, two: Two) -> None:
        await both(two)
        two.there.answers = [Throttled("http_429", 2.5)]
        with pytest.raises(Throttled, match="http_429") as asked:
            await two.send()
        assert asked.value.retry_after == 2.5
        assert (two.here.asked, two.sharing.machines) == (0, 2)

    @pytest.mark.parametrize("answer", [TryLater("refused", 7.0), NO_KEY])
    async def test_known_too_late_it_does_not_leave_here(self, two: Two, answer: Receipt | TryLater) -> None:
        await both(two)
        two.there.answers = [answer]
        two.there.connects.clear()
        sent = two.send()
        await until(lambda: two.there.asked)
        two.clock.ticks += AT_ONCE
        two.there.connects.set()
        why, pause = ("key", None) if answer is NO_KEY else ("refused", 7)
        with pytest.raises(TryLater, match=why) as later:
            await sent
        assert later.value.retry_after == pause
        assert two.here.asked == 0

    async def test_taken_back_too_late_it_does_not_leave_here(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await takes_nothing(two, monkeypatch)
        take_back = two.handing.take_back

        async def slowly(ids: list[str], mark: str) -> set[str]:
            two.clock.ticks += AT_ONCE
            return await take_back(ids, mark)

        monkeypatch.setattr(two.handing, "take_back", slowly)
        with pytest.raises(TryLater, match="not_taken"):
            await two.send()
        assert two.here.asked == 0

    async def test_what_was_not_handed_over_for_sure_is_sent_here(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await both(two)

        async def away(_parcels: list[Parcel]) -> str:
            raise Away("no answer")

        monkeypatch.setattr(two.handing, "put", away)
        assert await two.send() == ACCEPTED
        assert (two.counts(), two.sharing.machines) == ((1, 0), 1)

    async def test_a_name_that_is_no_text_stops_nobody(self, two: Two) -> None:
        await both(two)
        assert await asyncio.gather(*(two.send("\ud83c") for _ in range(3))) == [ACCEPTED] * 3
        two.clock.ticks += ASIDE
        assert list(await asyncio.gather(two.send(), two.send())) == [ACCEPTED, ACCEPTED]
        assert two.counts() == (4, 1)

    async def test_what_nobody_there_can_read_is_sent_here(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await both(two)
        monkeypatch.setattr(sends, "_message", lambda _text: None)
        assert await two.send() == ACCEPTED
        assert (two.counts(), two.sharing.machines) == ((1, 0), 1)


class TestWhatMayHaveLeftThere:
    @pytest.mark.parametrize(
        ("answer", "told"),
        [
            (Receipt(Outcome.UNKNOWN, reason="reset"), Receipt(Outcome.UNKNOWN, reason="reset")),
            (Receipt(Outcome.UNCONFIRMED, reason="odd"), Receipt(Outcome.UNCONFIRMED, reason="odd")),
            (AnswerLost("reset"), Receipt(Outcome.UNKNOWN, reason="error")),
            (ValueError("a bug"), Receipt(Outcome.UNKNOWN, reason="error")),
        ],
    )
    async def test_it_does_not_leave_here(self, two: Two, answer: Receipt | Exception, told: Receipt) -> None:
        await both(two)
        two.there.answers = [answer]
        assert await two.send() == told
        assert (two.counts(), two.sharing.machines) == ((0, 1), 1)
        assert await two.send() == ACCEPTED
        assert two.counts() == (1, 1)

    async def test_what_was_taken_by_one_that_died_is_unknown(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await takes_nothing(two, monkeypatch)
        asked = asyncio.Event()
        take_back = two.handing.take_back

        async def taken_first(ids: list[str], mark: str) -> set[str]:
            assert len(await two.taking.take(9)) == 1
            found = await take_back(ids, mark)
            asked.set()
            return found

        monkeypatch.setattr(two.handing, "take_back", taken_first)
        monkeypatch.setattr(sharing, "ANSWERED_WITHIN", 5.0)
        sent = two.send()
        await asked.wait()
        assert not sent.done()
        assert await sent == BROKEN_OFF
        assert (two.here.asked, two.sharing._waiting) == (0, {})

    async def test_one_that_nobody_waits_for_any_more_hands_over_nothing(self, two: Two) -> None:
        await both(two)
        mark, nobody = two.handing.mark, asyncio.get_running_loop().create_future()
        nobody.cancel()
        two.sharing._out.append((Parcel("1-0", "noc-b 1", Message("c1", "1", "Maria", "LOS")), nobody))
        two.sharing._to_put.set()
        await until(lambda: not two.sharing._out)
        assert [await two.send() for _ in range(2)] == [ACCEPTED] * 2
        assert two.handing.mark == mark, "the connection is the same"

    async def test_an_answer_that_comes_later_still_is_told(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sharing, "TAKEN_WITHIN", SOON)
        monkeypatch.setattr(sharing, "ANSWERED_WITHIN", 1.0)
        await both(two)
        two.there.answering.clear()
        assert await two.send() == BROKEN_OFF
        two.there.answering.set()
        await until(lambda: two.left)
        assert [receipt for _, receipt in two.left] == [ACCEPTED]

    async def test_one_that_is_gone_for_long_is_not_waited_for_and_its_answer_is_told_when_it_is_back(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sharing, "ANSWERED_WITHIN", None)
        await both(two)
        two.there.answering.clear()
        sent = two.send()
        await until(lambda: two.there.received)
        two.sql("DELETE FROM ledger_senders")  # it is silent
        await two.are(1)
        assert not sent.done()
        two.clock.ticks += LOST
        await until(sent.done)
        assert sent.result() == BROKEN_OFF
        two.there.answering.set()
        await until(lambda: two.left)
        assert [receipt for _, receipt in two.left] == [ACCEPTED]
        assert two.counts() == (0, 1)

    async def test_one_that_stops_in_order_is_waited_for(self, two: Two) -> None:
        await both(two)
        two.there.answering.clear()
        sent = two.send()
        await until(lambda: two.there.received)
        two.lending.retire()
        await two.are(1)
        looked = two.sharing._handing
        for _ in range(2):  # looks at who is there, also after that
            two.clock.ticks += LOST
            looked.ending = frozenset()
            await until(lambda: looked.ending)
        assert not sent.done()
        two.there.answering.set()
        assert await sent == ACCEPTED

    async def test_one_late_answer_that_cannot_be_written_keeps_no_other_from_being_told(
        self, two: Two, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        monkeypatch.setattr(sharing, "ANSWERED_WITHIN", 1.0)
        left, wrong = two.sharing._left, iter([ValueError("odd")])

        async def odd_once(about: str, receipt: Receipt) -> None:
            for error in wrong:
                raise error
            await left(about, receipt)

        two.sharing._left = odd_once
        await both(two)
        two.there.answering.clear()
        await asyncio.gather(*(two.send() for _ in range(4)))
        two.there.answering.set()
        await until(lambda: two.left)
        await until(lambda: two.sql("SELECT FROM ledger_sends WHERE state <> 'mark'") == [])
        assert caplog.text.count("cannot be written") == 1
        assert len(two.left) == 1

    async def test_what_goes_wrong_with_one_answer_keeps_no_other_from_being_heard(
        self, two: Two, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        await both(two)
        answers, wrong = two.handing.answers, iter([ValueError("odd")])

        async def odd_once(*, before: bool = False) -> list[tuple[str, str, Answer]]:
            for error in wrong:
                raise error
            return await answers(before=before)

        monkeypatch.setattr(two.handing, "answers", odd_once)
        assert await asyncio.gather(*(two.send() for _ in range(4))) == [ACCEPTED] * 4
        assert "went wrong, and goes on" in caplog.text

    async def test_an_answer_that_was_heard_while_it_was_taken_back_counts(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await takes_nothing(two, monkeypatch)
        take_back = two.handing.take_back

        async def answered_first(ids: list[str], mark: str) -> set[str]:
            [(id_, _)] = await two.taking.take(9)
            await two.taking.answer({id_: Answer(Receipt(Outcome.HELD))})
            await until(lambda: two.sql("SELECT FROM ledger_sends WHERE state <> 'mark'") == [])
            await take_back(ids, mark)
            return {id_}  # nothing is there that says otherwise any more

        monkeypatch.setattr(two.handing, "take_back", answered_first)
        assert await two.send() == Receipt(Outcome.HELD)
        assert two.here.asked == 0

    async def test_where_the_table_was_emptied_nothing_is_proven(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sharing, "TAKEN_WITHIN", SOON)
        await both(two)
        two.there.answering.clear()
        take_back = two.handing.take_back
        backs: list[set[str]] = []

        async def emptied(ids: list[str], mark: str) -> set[str]:
            await until(lambda: two.there.received)
            two.sql("TRUNCATE ledger_sends")
            two.handing.hang_up()
            backs.append(await take_back(ids, mark))
            return backs[-1]

        monkeypatch.setattr(two.handing, "take_back", emptied)
        sent = two.send()
        await until(lambda: backs)
        two.there.answering.set()
        sent.cancel()  # its answer is lost with the table, and only minutes end it
        with pytest.raises(asyncio.CancelledError):
            await sent
        assert (backs, two.counts()) == ([set()], (0, 1))

    async def test_while_nobody_says_whether_it_was_taken_the_others_leave_here(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await takes_nothing(two, monkeypatch)
        take_back, asked, away = two.handing.take_back, asyncio.Event(), True

        async def no_answer(ids: list[str], mark: str) -> set[str]:
            asked.set()
            if away:
                raise Away("no answer")
            return await take_back(ids, mark)

        monkeypatch.setattr(two.handing, "take_back", no_answer)
        sent = two.send()
        await asked.wait()
        await two.are(1)
        assert await asyncio.gather(*(two.send() for _ in range(4))) == [ACCEPTED] * 4
        assert not sent.done()
        away = False
        assert await sent == ACCEPTED
        assert two.counts() == (5, 0)

    async def test_where_that_is_never_said_it_is_unknown_in_the_end(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(sharing, "TAKEN_WITHIN", SOON)
        monkeypatch.setattr(sharing, "ANSWERED_WITHIN", 0.5)
        two.says_it_is_there()
        two.sharing.start()
        await two.are(2)

        async def away(_ids: list[str], _mark: str) -> set[str]:
            raise Away("no answer")

        monkeypatch.setattr(two.handing, "take_back", away)
        assert await two.send() == BROKEN_OFF
        assert (two.here.asked, two.sharing._waiting) == (0, {})

    async def test_an_answer_is_offered_until_it_is_there(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await both(two)
        answer, tries = two.taking.answer, iter([False, True])

        async def lost(answers: dict[str, Answer]) -> None:
            """The first time it is not there; the second time it is, and nobody hears so."""
            again = next(tries, None)
            if again is not False:
                await answer(answers)
            if again is not None:
                raise Away("no answer")

        monkeypatch.setattr(two.taking, "answer", lost)
        assert await two.send() == ACCEPTED
        await until(lambda: two.lending._answers == {})
        assert two.counts() == (0, 1)


class TestOneSecond:
    @pytest.mark.parametrize(("seconds", "leaves"), [(LEAVES_WITHIN - 0.01, (0, 1)), (LEAVES_WITHIN, (1, 0))])
    async def test_nothing_leaves_there_later_than_that(
        self, two: Two, seconds: float, leaves: tuple[int, int]
    ) -> None:
        await both(two)
        two.there.connects.clear()
        sent = two.send()
        await until(lambda: two.there.asked)
        two.hand.now += seconds  # as by the clock of a machine that slept, or a process that was stopped
        two.there.connects.set()
        assert await sent == ACCEPTED
        assert two.counts() == leaves

    async def test_it_counts_from_before_it_asked(self, two: Two, monkeypatch: pytest.MonkeyPatch) -> None:
        await both(two)
        take = two.taking.take

        async def slowly(most: int) -> list[tuple[str, Message | None]]:
            found = await take(most)
            two.hand.now += LEAVES_WITHIN if found else 0
            return found

        monkeypatch.setattr(two.taking, "take", slowly)
        assert await two.send() == ACCEPTED
        assert two.counts() == (1, 0)

    async def test_each_message_has_its_own(self, two: Two) -> None:
        await both(two)
        two.there.connects.clear()
        first = two.send()
        await until(lambda: two.there.asked == 1)
        two.hand.now += 0.6
        await two.send()
        second = two.send()
        await until(lambda: two.there.asked == 2)
        two.hand.now += 0.6
        two.there.connects.set()
        assert list(await asyncio.gather(first, second)) == [ACCEPTED, ACCEPTED]
        assert two.there.received == ["c2"]
        assert two.here.received == ["c1", "c0"]

    async def test_the_clock_goes_on_while_the_process_is_stopped(self) -> None:
        assert Lending.__init__.__kwdefaults__ == {"seconds": boottime}


class TestStopping:
    async def test_what_is_in_flight_there_lands_and_is_answered(self, two: Two) -> None:
        await both(two)
        two.there.answering.clear()
        sent = two.send()
        await until(lambda: two.there.received)
        stopping = asyncio.create_task(two.lending.stop())
        await until(lambda: two.lending._over)
        assert (two.there.closed, stopping.done()) == (False, False)
        two.there.answering.set()
        assert await sent == ACCEPTED
        await stopping
        assert (two.counts(), two.there.closed) == ((0, 1), True)

    async def test_what_is_handed_to_it_then_is_sent_here(
        self, two: Two, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await both(two)
        two.there.answering.clear()
        first = two.send()
        await until(lambda: two.there.received)
        two.lending.retire()
        monkeypatch.setattr(sharing, "TAKEN_WITHIN", SOON)
        assert list(await asyncio.gather(two.send(), two.send())) == [ACCEPTED, ACCEPTED]
        two.there.answering.set()
        assert await first == ACCEPTED
        assert two.counts() == (2, 1)

    async def test_one_that_never_began_stops(self, two: Two) -> None:
        await two.lending.stop()
        assert two.there.closed


class TestALeaderBefore:
    async def took(self, two: Two, answers: dict[str, Answer]) -> list[Parcel]:
        """noc-b took these from who led before, and has not answered yet."""
        parcels = [
            Parcel(id_, "noc-b 2", Message(f"c{id_}", "55", "", "LOS", about=f"k.1.1.{id_}"))
            for id_ in answers
        ]
        await two.handing.put(parcels)
        assert len(await two.taking.take(9)) == len(parcels)
        two.sql("UPDATE ledger_lease SET epoch = 2")
        return parcels

    async def test_what_it_did_not_live_to_hear_is_told_once(self, two: Two) -> None:
        known = Answer(Receipt(Outcome.ACCEPTED, "77"))
        answers = {"1-1": known, "1-2": Answer(why="refused"), "1-3": Answer(Receipt(Outcome.UNKNOWN))}
        await self.took(two, answers)
        leads = two.leader(Handing(two.url, 2, "same", patience=LONG))
        leads.start()
        await two.taking.answer(answers)
        await until(lambda: two.sql("SELECT FROM ledger_sends WHERE state = 'answered'") == [])
        assert sorted(two.left) == [("k.1.1.1-1", known.receipt), ("k.1.1.1-3", Receipt(Outcome.UNKNOWN))]
        assert two.here.asked == 0, "nothing of it is sent again"
        await leads.stop()

    async def test_only_for_two_minutes(self, two: Two) -> None:
        await self.took(two, {"1-1": Answer(ACCEPTED)})
        two.sharing = two.leader(Handing(two.url, 2, "same", patience=LONG))
        two.sharing.start()
        await asyncio.sleep(0)  # its works have begun
        two.clock.ticks += BEFORE
        await two.taking.answer({"1-1": Answer(ACCEPTED)})
        two.lending.start()
        await two.are(2)
        for _ in range(4):
            assert await two.send() == ACCEPTED
        assert two.left == []
        await two.sharing.stop()
