"""What is pushed: what stands after it, what is kept of it, who may push."""

import asyncio
import json
import time
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bot.domain.customer import Link
from bot.domain.incident import Incident, Kind, OddRow, Pushes
from bot.errors import BadAnswer, NotFound, Refused, Silent, Throttled, TryLater
from bot.ports import Heard
from bot.sources.hook import standing
from bot.sources.hook.formats import FORMATS
from bot.sources.hook.hook import Hook
from bot.sources.hook.incidents import EARLIER
from bot.sources.hook.standing import SECOND_WORD
from bot.storage.disk import Disk
from bot.storage.rows import Rows
from tests.fakes import NOON, FakeClock, settled

TOKEN = "segredo"
BEARER = {"authorization": f"Bearer {TOKEN}"}
WHERE = {"olt": "CB 01", "slot": 6, "pon": 15, "cause": "los"}
START = "2026-11-22T11:50:00-03:00"


class FullDisk(Disk):
    """A disk that takes nothing while `full`; half of what is written gets in."""

    full = False

    def write(self, descriptor: int, data: bytes) -> int:
        if not self.full:
            return super().write(descriptor, data)
        super().write(descriptor, data[: len(data) // 2])
        raise OSError(28, "No space left on device")


class Sender:
    """Somebody who pushes to a hook `zbx` over a real file, whose clock stands still until it is set on."""

    def __init__(self, folder: Path, **changes: Any) -> None:
        self.file, self.clock, self.disk = folder / "pushed" / "zbx.jsonl", FakeClock(), FullDisk()
        self.form = changes.pop("form", FORMATS["own"])
        self.changes = {"mapping": {}, "zone": UTC, "stale": None, "clock": self.clock, **changes}
        self.hook = self.opened()

    def opened(self) -> Hook:
        return Hook("zbx", Rows(self.file, self.disk), self.form, (TOKEN,), **self.changes)

    async def restart(self) -> None:
        await self.hook.aclose()
        self.hook = self.opened()

    async def say(self, *rows: Mapping[str, object], **headers: str) -> Heard:
        body = json.dumps(rows[0] if len(rows) == 1 else rows).encode()
        return await self.hook.hear(BEARER | headers, body)

    async def open(self, id_: object = "9912", **fields: object) -> Heard:
        return await self.say({"id": id_, "status": "open", "started_at": START, **WHERE, **fields})

    async def close(self, id_: object = "9912", **fields: object) -> Heard:
        return await self.say({"id": id_, "status": "closed", **fields})

    async def incidents(self) -> list[Incident]:
        return list((await self.hook.open_incidents()).incidents)

    async def ids(self) -> list[str]:
        return [one.id for one in await self.incidents()]

    @property
    def lines(self) -> int:
        return len(self.file.read_bytes().split()) if self.file.exists() else 0


TAKEN, IGNORED = Heard(1, 0), Heard(0, 1)


@pytest.fixture
async def sender(tmp_path: Path) -> Sender:
    return Sender(tmp_path)


async def test_an_outage_with_all_that_is_told_of_it(sender: Sender) -> None:
    assert await sender.open(affected=33, total=61, onus=[{"sn": "ZTEGC1234567"}, "ztegc7654321"]) == TAKEN
    [incident] = await sender.incidents()
    assert (incident.id, incident.kind) == ("hook:zbx:9912", Kind.LOS)
    assert (incident.port.label, incident.port.key) == ("CB 01 6/15", "hook/zbx/cb-01:6/15")
    assert (incident.affected, incident.total) == (33, 61)
    assert incident.started == datetime(2026, 11, 22, 14, 50, tzinfo=UTC)
    found = await sender.hook.affected(incident.id)
    assert {onu.serial: onu.link for onu in found.onus} == {
        "ZTEGC1234567": Link.LOS,
        "ZTEGC7654321": Link.LOS,
    }


@pytest.mark.parametrize("missing", ["slot", "pon"])
async def test_without_a_port_it_is_of_the_whole_olt_and_not_offered(sender: Sender, missing: str) -> None:
    assert await sender.open(**{missing: None}) == TAKEN
    [incident] = await sender.incidents()
    assert (incident.kind, incident.port.label, incident.port.placed) == (Kind.OTHER, "CB 01 ?", False)


class TestAgain:
    async def test_the_same_again_is_known(self, sender: Sender) -> None:
        await sender.open(onus=["A"])
        lines = sender.lines
        assert await sender.open(onus=["A"]) == TAKEN
        assert sender.lines == lines, "and nothing is written for it"

    async def test_a_delivery_that_is_repeated_is_not_looked_at(self, sender: Sender) -> None:
        row = {"id": "1", "status": "open", **WHERE}
        assert await sender.say(row, **{"webhook-id": "msg_1"}) == TAKEN
        await sender.close("1")
        assert await sender.say(row, **{"webhook-id": "msg_1"}) == TAKEN
        assert await sender.ids() == []
        sender.clock.ticks += 3601
        assert await sender.say(row, **{"webhook-id": "msg_1"}) == TAKEN
        assert await sender.ids() == ["hook:zbx:1~2"], "an hour later it is another one"

    async def test_an_update_changes_what_it_says_and_nothing_else(self, sender: Sender) -> None:
        await sender.open(affected=33, total=61, onus=["A", "B"])
        assert await sender.say({"id": "9912", "status": "update", "affected": 12}) == TAKEN
        [incident] = await sender.incidents()
        assert (incident.affected, incident.total, incident.port.place) == (12, 61, "6/15")
        assert len((await sender.hook.affected(incident.id)).onus) == 2

    async def test_an_onu_that_is_told_no_more_is_back(self, sender: Sender) -> None:
        await sender.open(onus=["A", "B"])
        await sender.open(onus=["B"])
        [incident] = await sender.incidents()
        assert await sender.hook.links(incident.port) == {"A": Link.ONLINE, "B": Link.LOS}


async def test_who_is_not_named_is_back_once_nothing_on_the_port_is_on(sender: Sender) -> None:
    await sender.open(affected=2, total=2)
    [incident] = await sender.incidents()
    assert await sender.hook.links(incident.port) == {"*": Link.LOS}
    await sender.open("9913", onus=["B"])
    await sender.close()
    await sender.restart()
    assert await sender.hook.links(incident.port) == {"*": Link.LOS, "B": Link.LOS}
    await sender.close("9913")
    assert await sender.hook.links(incident.port) == {"*": Link.ONLINE, "B": Link.ONLINE}


async def test_of_a_part_of_a_port_nobody_knows_who_is_back(sender: Sender) -> None:
    await sender.open(affected=2, total=3)
    [incident] = await sender.incidents()
    await sender.close()
    assert await sender.hook.links(incident.port) == {}
    await sender.open("9914", affected=2)
    await sender.open("9914", total=2)
    await sender.open("9914", affected=1)
    assert await sender.hook.links(incident.port) == {"*": Link.LOS}


class TestOver:
    async def test_what_is_closed_is_over_and_its_onus_are_back(self, sender: Sender) -> None:
        await sender.open(onus=["A", "B"])
        [incident] = await sender.incidents()
        assert await sender.close() == TAKEN
        poll = await sender.hook.open_incidents()
        assert (poll.incidents, poll.closed) == ((), frozenset({"hook:zbx:9912"}))
        found = await sender.hook.affected(incident.id)
        assert found.over
        assert await sender.hook.links(incident.port) == {"A": Link.ONLINE, "B": Link.ONLINE}

    @pytest.mark.bug("an alert that its sender closed as the whole OLT went down was told to be back")
    async def test_nobody_is_back_while_the_whole_olt_is_down(self, sender: Sender) -> None:
        await sender.open(onus=["A"])
        [incident] = await sender.incidents()
        await sender.open(7, slot=None, pon=None, cause="temperature")
        await sender.open(8, slot=None, pon=None, cause="power", olt="CB 02")
        await sender.open(9, slot=None, pon=None, cause="power")
        await sender.close()
        assert await sender.hook.links(incident.port) == {"A": Link.OTHER}
        await sender.close(9)
        assert await sender.hook.links(incident.port) == {"A": Link.ONLINE}

    async def test_what_was_never_told_as_on_is_ignored(self, sender: Sender) -> None:
        assert await sender.close(started_at=START) == IGNORED
        assert await sender.ids() == []
        assert await sender.open() == IGNORED, "which comes too late"
        assert await sender.ids() == []

    async def test_closed_twice_is_known(self, sender: Sender) -> None:
        await sender.open()
        assert [await sender.close(), await sender.close()] == [TAKEN, TAKEN]

    @pytest.mark.parametrize("again", [{"started_at": "2026-11-22T12:30:00-03:00"}, {"started_at": None}])
    async def test_on_again_is_another_one_of_the_same_port(
        self, sender: Sender, again: dict[str, object]
    ) -> None:
        await sender.open()
        [before] = await sender.incidents()
        await sender.close()
        assert await sender.open(**again) == TAKEN
        [after] = await sender.incidents()
        assert (after.id, after.port) == ("hook:zbx:9912~2", before.port)
        assert (await sender.hook.affected(before.id)).over

    @pytest.mark.bug("what was over and on again within the settle time had a card all the same")
    async def test_what_began_anew_is_over_as_far_as_it_was_another_one(self, sender: Sender) -> None:
        await sender.open(started_at=None)
        await sender.close()
        await sender.open(started_at=None)
        assert (await sender.hook.open_incidents()).closed == {"hook:zbx:9912"}
        await sender.open(started_at=None, pon=9)
        poll = await sender.hook.open_incidents()
        assert poll.present == {"hook:zbx:9912~3"}
        assert poll.closed == {"hook:zbx:9912", "hook:zbx:9912~2"}
        for _ in range(60):
            await sender.clock.advance(1)
            await sender.close()
            await sender.open(started_at=None)
        assert len((await sender.hook.open_incidents()).closed) == EARLIER

    async def test_old_news_of_what_is_over_is_ignored_unless_it_is_told_again_and_again(
        self, sender: Sender
    ) -> None:
        await sender.open()
        await sender.close()
        assert await sender.open() == IGNORED
        assert await sender.open() == IGNORED
        assert await sender.ids() == []
        await sender.clock.advance(SECOND_WORD.total_seconds())
        assert await sender.open() == TAKEN
        assert await sender.ids() == ["hook:zbx:9912~2"]

    @pytest.mark.bug("after a restart an outage that was told late waited for two more words of it")
    async def test_a_restart_between_two_words_forgets_none(self, sender: Sender) -> None:
        await sender.open()
        await sender.close()
        assert await sender.open() == IGNORED
        await sender.restart()
        await sender.clock.advance(SECOND_WORD.total_seconds())
        assert await sender.open() == TAKEN

    async def test_what_began_before_is_no_news_of_what_is_on(self, sender: Sender) -> None:
        await sender.open(started_at="2026-11-22T11:55:00-03:00")
        assert await sender.close(started_at=START) == IGNORED
        assert await sender.open(affected=1) == IGNORED
        [incident] = await sender.incidents()
        assert incident.affected is None

    async def test_but_it_was_told_again(self, tmp_path: Path) -> None:
        sender = Sender(tmp_path, stale=timedelta(minutes=10))
        await sender.open(started_at="2026-11-22T11:55:00-03:00")
        await sender.clock.advance(500)
        await sender.open()
        await sender.clock.advance(500)
        assert [one.stale for one in await sender.incidents()] == [False]


@pytest.mark.bug("an outage whose sender used its id again for another port was seen no more")
@pytest.mark.parametrize("moved", [{"pon": 9}, {"slot": 7}, {"olt": "CB 02"}])
async def test_an_id_that_is_told_elsewhere_is_another_outage(
    sender: Sender, moved: dict[str, object]
) -> None:
    await sender.open(onus=["A"])
    [before] = await sender.incidents()
    assert await sender.open(**moved) == TAKEN
    [after] = await sender.incidents()
    assert (after.id, after.port == before.port) == ("hook:zbx:9912~2", False)
    assert (await sender.hook.affected(before.id)).over
    assert await sender.hook.links(before.port) == {}, "nobody said that they are back"


async def test_one_that_is_told_nowhere_is_where_it_was(sender: Sender) -> None:
    await sender.open(olt="CB 01")
    await sender.say({"id": "9912", "status": "update", "olt": "cb-01"})
    [incident] = await sender.incidents()
    assert (incident.id, incident.port.place) == ("hook:zbx:9912", "6/15")


class TestInOrder:
    """Alertmanager and Grafana tell how it is; a second Prometheus may have seen it begin earlier."""

    @pytest.fixture
    def am(self, tmp_path: Path) -> Sender:
        return Sender(tmp_path, form=FORMATS["alertmanager"])

    async def tell(self, am: Sender, status: str, start: str, end: str = "0001-01-01T00:00:00Z") -> Heard:
        labels = {"instance": "CB 01", "interface": "gpon-olt_1/6/15", "alertname": "PonLos"}
        alert = {"status": status, "labels": labels, "fingerprint": "f1", "startsAt": start, "endsAt": end}
        return await am.say({"alerts": [alert]})

    @pytest.mark.bug("an outage that two Prometheus saw begin at different times was never over")
    async def test_it_is_over_whoever_saw_it_begin(self, am: Sender) -> None:
        await self.tell(am, "firing", "2026-11-22T14:50:00Z")
        await self.tell(am, "firing", "2026-11-22T14:49:00Z")
        assert await self.tell(am, "resolved", "2026-11-22T14:49:00Z", "2026-11-22T14:59:00Z") == TAKEN
        assert await am.ids() == []

    async def test_the_end_of_the_one_before_ends_nothing(self, am: Sender) -> None:
        await self.tell(am, "firing", "2026-11-22T14:50:00Z")
        assert await self.tell(am, "resolved", "2026-11-22T14:00:00Z", "2026-11-22T14:10:00Z") == IGNORED
        assert await am.ids() == ["hook:zbx:f1"]

    @pytest.mark.bug("an alert that fired again with the start it had was hidden until its next repetition")
    async def test_one_that_fires_again_is_on_whatever_its_start(self, am: Sender) -> None:
        await self.tell(am, "firing", "2026-11-22T14:50:00Z")
        await self.tell(am, "resolved", "2026-11-22T14:50:00Z", "2026-11-22T14:59:00Z")
        assert await self.tell(am, "firing", "2026-11-22T14:50:00Z") == IGNORED, "from the other of two"
        await am.clock.advance(60)
        assert await self.tell(am, "firing", "2026-11-22T14:50:00Z") == TAKEN
        assert await am.ids() == ["hook:zbx:f1~2"]

    async def test_one_that_fires_anew_after_its_end_is_on_at_once(self, am: Sender) -> None:
        await self.tell(am, "firing", "2026-11-22T14:50:00Z")
        await self.tell(am, "resolved", "2026-11-22T14:50:00Z", "2026-11-22T14:59:00Z")
        assert await self.tell(am, "firing", "2026-11-22T14:59:15Z") == TAKEN
        assert await am.ids() == ["hook:zbx:f1~2"]


async def test_in_a_list_each_is_judged_by_itself(sender: Sender) -> None:
    rows = [{"id": n, "status": "open", **WHERE} for n in range(3)]
    heard = await sender.say(*rows, {"id": 7, "status": "open"}, {"status": "open", **WHERE}, {"id": 8})
    assert heard == Heard(3, 3), "one without an OLT, one without an id, one without a status"
    assert len(await sender.ids()) == 3


async def test_what_is_no_object_in_a_list_hides_no_other(sender: Sender) -> None:
    rows: list[Any] = [7, {"id": 1, "status": "open", **WHERE}, None]
    assert await sender.say(*rows) == Heard(1, 2)


async def test_where_nothing_can_be_read_that_is_said_until_something_can(sender: Sender) -> None:
    async def odd() -> list[OddRow]:
        return list((await sender.hook.open_incidents()).skipped)

    assert await sender.say({"host": "CB 01"}, {"host": "CB 02"}) == Heard(0, 2)
    assert await odd() == [OddRow("", "mapping", "hook:zbx")]
    assert await sender.say({"host": "CB 01"}, {"id": 1, "status": "open", **WHERE}) == Heard(1, 1)
    assert await odd() == []


@pytest.mark.parametrize("body", [b"", b"[]", b"no json", b"[1]", b'"text"', b"null", b"[" * 9999])
async def test_a_body_that_is_nothing_is_refused(sender: Sender, body: bytes) -> None:
    with pytest.raises(BadAnswer):
        await sender.hook.hear(BEARER, body)
    assert sender.lines == 0


@pytest.mark.parametrize("id_", ["a b", "x" * 65, "zbx:1", "é", "~2", "\ud800", "../../etc/passwd", "9912~2"])
async def test_an_odd_id_is_one_of_its_own(sender: Sender, id_: str) -> None:
    await sender.open()
    assert await sender.open(id_) == TAKEN
    assert len(set(await sender.ids())) == 2
    assert all(one.startswith("hook:zbx:") and one.count(":") == 2 for one in await sender.ids())
    assert await sender.close(id_) == TAKEN
    assert await sender.ids() == ["hook:zbx:9912"]


@pytest.mark.bug("two outages whose long ids begin alike were one: the end of one was the end of both")
async def test_ids_that_begin_alike_are_two_however_long(sender: Sender) -> None:
    first, second = "x" * 5000 + "1", "x" * 5000 + "2"
    assert await sender.open(first) == TAKEN
    assert await sender.open(second, pon=16) == TAKEN
    assert len(set(await sender.ids())) == 2
    assert await sender.close(first) == TAKEN
    assert [one.port.label for one in await sender.incidents()] == ["CB 01 6/16"]
    assert len(sender.file.read_bytes()) < 5000, "an id is kept by what stands for it"


async def test_what_is_odd_is_cut_and_what_no_file_holds_is_a_question_mark(sender: Sender) -> None:
    await sender.open(olt="CB\n\ud83d 01" + "x" * 500, onus=["S" * 99, "", None, 7])
    [incident] = await sender.incidents()
    assert incident.port.olt.startswith("CB ? 01x")
    assert len(incident.port.olt) <= 120
    assert [len(onu.serial) for onu in (await sender.hook.affected(incident.id)).onus] == [40, 1]


@pytest.mark.bug("an outage that began in the year 1 could be drawn in no zone west of Greenwich")
@pytest.mark.parametrize("never", ["0001-01-01T00:00:00Z", "1899-12-30 00:00:00", "9999-12-31T23:59:59Z"])
async def test_a_time_that_is_none_is_no_start(sender: Sender, never: str) -> None:
    await sender.open(started_at=never)
    [incident] = await sender.incidents()
    assert (incident.start_known, incident.started) == (False, sender.clock.now())


@pytest.mark.bug("a body of nothing but commas kept everybody waiting for two seconds")
@pytest.mark.parametrize("onus", ["," * 1_000_000, "A," * 500_000, [0] * 300_000])
async def test_a_list_of_onus_that_is_too_long_is_cut_before_it_is_read(sender: Sender, onus: object) -> None:
    body = json.dumps({"id": 1, "status": "open", **WHERE, "onus": onus}).encode()
    took = []
    for _ in range(3):  # of which the machine may take its own time for one
        began = time.process_time()
        assert await sender.hook.hear(BEARER, body) == TAKEN
        took.append(time.process_time() - began)
    assert min(took) < 0.2


class TestWho:
    @pytest.mark.parametrize(
        "headers",
        [{}, {"authorization": TOKEN}, {"authorization": "Bearer "}, {"authorization": "Bearer segred\xf3"}],
    )
    async def test_who_has_not_the_token_is_refused_and_changes_nothing(
        self, sender: Sender, headers: dict[str, str]
    ) -> None:
        with pytest.raises(Refused):
            await sender.hook.hear(headers, json.dumps({"id": 1, "status": "open", **WHERE}).encode())
        assert await sender.ids() == []

    @pytest.mark.bug("of a storm that a sender pushed port by port in one moment forty outages were refused")
    async def test_twenty_a_second_and_who_comes_too_soon_waits(self, sender: Sender) -> None:
        for n in range(20):
            await sender.open(n)
        waiting = [asyncio.create_task(sender.open(n)) for n in range(20, 60)]
        await settled()
        with pytest.raises(Throttled):
            await sender.open(99)
        for _ in range(100):  # who is not the sender takes nobody's place
            with pytest.raises(Refused):
                await sender.hook.hear({}, b"{}")
        assert not any(one.done() for one in waiting)
        await sender.clock.advance(1)
        assert await asyncio.gather(*waiting[:20]) == [TAKEN] * 20
        assert not any(one.done() for one in waiting[20:])
        await sender.clock.advance(1)
        assert await asyncio.gather(*waiting[20:]) == [TAKEN] * 20
        assert len(await sender.ids()) == 60


class TestKept:
    async def test_a_restart_knows_what_stood(self, sender: Sender) -> None:
        await sender.open(1, onus=["A"])
        await sender.open(2)
        await sender.close(2)
        before = await sender.hook.open_incidents()
        await sender.restart()
        assert await sender.hook.open_incidents() == before
        assert await sender.open(2) == IGNORED

    async def test_nobody_else_may_read_it(self, sender: Sender) -> None:
        await sender.open()
        assert sender.file.stat().st_mode & 0o777 == 0o600

    async def test_a_torn_tail_is_passed_over(self, sender: Sender, caplog: pytest.LogCaptureFixture) -> None:
        await sender.open(1)
        await sender.open(2)
        whole = sender.file.read_bytes()
        sender.file.write_bytes(whole[:-9])
        await sender.restart()
        assert await sender.ids() == ["hook:zbx:1"]
        assert "1 torn lines were passed over" in caplog.text
        assert await sender.open(2) == TAKEN
        await sender.restart()
        assert len(await sender.ids()) == 2

    async def test_a_row_of_another_version_is_passed_over(
        self, sender: Sender, caplog: pytest.LogCaptureFixture
    ) -> None:
        await sender.open(1)
        sender.file.write_bytes(sender.file.read_bytes() + b'["2",{"told":7}]\n')
        await sender.restart()
        assert await sender.ids() == ["hook:zbx:1"]
        assert "what stands of 2 cannot be read" in caplog.text

    async def test_what_the_disk_does_not_take_is_not_taken(self, sender: Sender) -> None:
        await sender.open(1)
        sender.disk.full = True
        with pytest.raises(OSError, match="No space"):
            await sender.open(2)
        assert await sender.ids() == ["hook:zbx:1"]
        sender.disk.full = False
        assert await sender.close(2) == IGNORED
        await sender.restart()
        assert await sender.ids() == ["hook:zbx:1"], "nor by what of it got into the file"

    async def test_a_folder_that_could_not_be_made_is_made_the_next_time(
        self, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(folder: Path) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(sender.disk, "make_folder", full)
            with pytest.raises(OSError, match="No space"):
                await sender.open(1)
        assert await sender.open(1) == TAKEN
        await sender.restart()
        assert await sender.ids() == ["hook:zbx:1"]

    async def test_many_at_one_moment_are_one_write(self, sender: Sender) -> None:
        heard = await asyncio.gather(*(sender.open(n) for n in range(20)))
        assert heard == [TAKEN] * 20
        assert len(await sender.ids()) == 20

    async def test_a_file_that_cannot_be_read_is_a_poll_that_failed(self, sender: Sender) -> None:
        sender.file.mkdir(parents=True)
        with pytest.raises(TryLater):
            await sender.incidents()
        with pytest.raises(TryLater):
            await sender.open()

    async def test_it_is_bounded_by_what_is_on(self, sender: Sender, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(standing, "OPEN_AT_MOST", 3)
        for n in range(3):
            await sender.open(n)
        rows = [{"id": 0, "status": "closed"}, *({"id": n, "status": "open", **WHERE} for n in (7, 8))]
        assert await sender.say(*rows) == Heard(2, 1, full=True)
        poll = await sender.hook.open_incidents()
        assert poll.present == {"hook:zbx:1", "hook:zbx:2", "hook:zbx:7"}
        assert poll.skipped == (OddRow("", "full", "hook:zbx"),), "the group hears of it"
        assert await sender.open(1) == TAKEN
        assert (await sender.hook.open_incidents()).skipped == poll.skipped, "there is still no room"
        assert await sender.close(1) == TAKEN
        assert (await sender.hook.open_incidents()).skipped == ()

    async def test_what_is_over_is_forgotten_by_and_by(
        self, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("bot.storage.rows.MUCH", 4096)
        monkeypatch.setattr(standing, "OVER_AT_MOST", 3)
        await sender.open("on")
        for n in range(40):
            await sender.open(n)
            await sender.close(n)
            await sender.clock.advance(1)
        assert len((await sender.hook.open_incidents()).closed) == 3
        assert sender.file.stat().st_size < 8192
        await sender.restart()
        poll = await sender.hook.open_incidents()
        assert (poll.present, len(poll.closed)) == (frozenset({"hook:zbx:on"}), 3)

    @pytest.mark.bug("of more than a thousand outages that were over at once some stayed on for ever")
    async def test_what_was_on_is_known_to_be_over_until_everybody_saw_that(
        self, sender: Sender, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(standing, "OPEN_AT_MOST", 5)
        monkeypatch.setattr(standing, "OVER_AT_MOST", 3)
        ids = {f"hook:zbx:{n}" for n in range(5)}

        async def storm(beginning: int) -> None:
            await sender.say(*({"id": beginning + n, "status": "open", **WHERE} for n in range(5)))
            await sender.clock.advance(60)
            await sender.say(*({"id": beginning + n, "status": "closed"} for n in range(5)))

        await storm(0)
        assert (await sender.hook.open_incidents()).closed == ids
        await sender.say(*({"id": f"never-{n}", "status": "closed"} for n in range(9)))
        assert (await sender.hook.open_incidents()).closed == ids, "late news of others takes nobody's place"
        await sender.clock.advance(3600)
        await sender.close("never")
        assert len((await sender.hook.open_incidents()).closed) == 3
        await storm(100)
        await storm(200)
        assert len((await sender.hook.open_incidents()).closed) == 8, "it has a limit all the same"


class TestStale:
    @pytest.fixture
    async def sender(self, tmp_path: Path) -> Sender:
        return Sender(tmp_path, stale=timedelta(minutes=30))

    async def test_what_is_not_told_again_is_stale_until_it_is(self, sender: Sender) -> None:
        await sender.open(onus=["A"])
        await sender.open("9913", pon=16, affected=1, total=1)
        await sender.clock.advance(1799)
        assert not (await sender.incidents())[0].stale
        await sender.clock.advance(1)
        incident, unnamed = await sender.incidents()
        assert (incident.stale, incident.kind) == (True, Kind.LOS)
        assert await sender.hook.links(unnamed.port) == {"*": Link.OTHER}
        with pytest.raises(Silent):
            await sender.hook.affected(incident.id)
        assert await sender.hook.links(incident.port) == {"A": Link.OTHER}, "nobody knows how it is"
        await sender.open(onus=["A"])
        assert not (await sender.incidents())[0].stale

    @pytest.mark.bug(
        "what a signed sender told again with the id of its first delivery was stale all the same"
    )
    async def test_a_delivery_that_is_repeated_says_that_it_is_still_on(self, sender: Sender) -> None:
        rows = [{"id": n, "status": "open", **WHERE} for n in (1, 2)]
        for row in rows:
            await sender.say(row, **{"webhook-id": f"zabbix-{row['id']}-1"})
        await sender.close(2)
        await sender.clock.advance(1000)
        for row in rows:
            assert await sender.say(row, **{"webhook-id": f"zabbix-{row['id']}-1"}) == TAKEN
        poll = await sender.hook.open_incidents()
        assert poll.pushed == Pushes(sender.clock.now())
        await sender.clock.advance(1000)
        assert [(one.id, one.stale) for one in await sender.incidents()] == [("hook:zbx:1", False)]

    async def test_it_is_over_when_its_sender_says_so_all_the_same(self, sender: Sender) -> None:
        await sender.open(onus=["A"])
        [incident] = await sender.incidents()
        await sender.clock.advance(7200)
        await sender.close()
        assert (await sender.hook.open_incidents()).closed == {incident.id}
        assert await sender.hook.links(incident.port) == {"A": Link.ONLINE}

    async def test_after_a_start_the_wait_begins_anew(self, sender: Sender) -> None:
        await sender.open()
        await sender.clock.advance(1700)
        await sender.open()  # said again, which is not written down
        await sender.restart()
        await sender.clock.advance(1000)
        assert not (await sender.incidents())[0].stale
        await sender.clock.advance(800)
        assert (await sender.incidents())[0].stale


async def test_nothing_is_known_of_what_nobody_told(sender: Sender) -> None:
    with pytest.raises(Silent):
        await sender.hook.affected("hook:zbx:77")
    with pytest.raises(NotFound):
        await sender.hook.affected("smartolt:isp:1:2:3")
    assert await sender.hook.inventory() == {}


async def test_when_it_was_told_something_last(sender: Sender) -> None:
    async def last() -> datetime | None:
        pushed = (await sender.hook.open_incidents()).pushed
        assert pushed is not None
        return pushed.last

    assert await last() is None
    await sender.open()
    assert await last() == NOON
    await sender.clock.advance(60)
    await sender.open()
    assert await last() == NOON + timedelta(minutes=1)
    with pytest.raises(Refused):
        await sender.hook.hear({}, b"{}")
    assert await last() == NOON + timedelta(minutes=1)
