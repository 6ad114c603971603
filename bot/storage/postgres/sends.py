"""Messages that the machine that leads hands to others, to be sent by them, and what came of each.

Which message is sent is decided by who leads, and only there: its claim is a line of the ledger before it
comes here. What is here is on its way, and no truth: the tables are not logged, so they are empty after a
crash of the database and on a replica, and no name or phone is in its log.

A row `waits` until its machine takes it, which it may do for as long as the leader's lease has a second left;
then the message is gone from it. Whoever handed it over takes it back where it still waits: only then is it
known that nobody sends it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from psycopg import AsyncConnection
from pydantic import TypeAdapter, ValidationError
from pydantic_core import PydanticSerializationError

from bot.domain.plan import Message, Outcome, Receipt
from bot.storage.postgres.lease import NAME
from bot.storage.postgres.talk import Away, Talk

CHANNEL = "ledger_sends"
ENDS_WITHIN = 35.0  # seconds that a machine which stops may still answer: above the limit of one send
ALIVE = 3.0  # seconds after which a machine that was not heard of is handed nothing
LONGEST = 600.0  # seconds after which an answer to who led before says nothing any more
LEAVES_WITHIN = 1.0
"""Seconds in which a message leaves once it was taken, or never: for as long nobody else can lead."""

_HERE = """
INSERT INTO ledger_senders
VALUES (%(owner)s, %(gateway)s, clock_timestamp() + %(alive)s * interval '1 second')
ON CONFLICT (owner) DO UPDATE SET gateway = excluded.gateway, until = excluded.until
"""
_GONE = """
UPDATE ledger_senders SET gateway = '', until = clock_timestamp() + %(ends)s * interval '1 second'
WHERE owner = %(owner)s
"""
_SENDERS = """
SELECT owner, gateway <> '' FROM ledger_senders
WHERE gateway IN (%(gateway)s, '') AND until >= clock_timestamp() ORDER BY owner
"""
_MARK = """
INSERT INTO ledger_sends (id, epoch, owner, about, state) VALUES (%(mark)s, %(epoch)s, '', '0', 'mark')
"""
# The mark has the last turn that came through: what was there once, and was deleted, is not taken back.
_PUT = """
WITH mark AS (
    UPDATE ledger_sends SET about = %(turn)s WHERE id = %(mark)s RETURNING 1
), put AS (
    INSERT INTO ledger_sends (id, epoch, owner, about, message)
    SELECT t.id, %(epoch)s, t.owner, t.about, t.message
    FROM mark, unnest(%(ids)s::text[], %(owners)s::text[], %(abouts)s::text[], %(messages)s::text[])
        AS t (id, owner, about, message)
    ON CONFLICT (id) DO NOTHING
    RETURNING 1
)
SELECT pg_notify('ledger_sends', '') FROM put LIMIT 1
"""
# Without a text it was taken once, whoever made it wait again since.
_TAKE_BACK = """
UPDATE ledger_sends SET state = 'back', message = ''
WHERE id = ANY(%(ids)s::text[]) AND (state = 'back' OR (state = 'waiting' AND message <> ''))
RETURNING id
"""
# What did not come yet, and may be on its way, is kept away. Where the table was emptied since the mark was
# set nothing is known of what was in it; locked, it is not seen while what was beside it is being deleted.
_KEEP_AWAY = """
WITH mark AS (
    SELECT FROM ledger_sends WHERE id = %(mark)s AND about::bigint < %(turn)s FOR SHARE
)
INSERT INTO ledger_sends (id, epoch, owner, state)
SELECT t.id, %(epoch)s, '', 'back' FROM unnest(%(ids)s::text[]) AS t (id) WHERE EXISTS (SELECT FROM mark)
ON CONFLICT (id) DO NOTHING
RETURNING id
"""
_TAKE = """
WITH mine AS (
    SELECT sends.id, sends.message
    FROM ledger_sends AS sends JOIN ledger_lease AS lease ON lease.name = %(leader)s
        AND lease.epoch = sends.epoch AND lease.until >= clock_timestamp() + %(within)s * interval '1 second'
    WHERE sends.owner = %(owner)s AND sends.state = 'waiting' AND sends.message <> ''
    ORDER BY sends.id LIMIT %(most)s
    FOR UPDATE OF sends SKIP LOCKED
)
UPDATE ledger_sends AS sends SET state = 'taken', message = '' FROM mine WHERE sends.id = mine.id
RETURNING sends.id, mine.message
"""
_ANSWER = """
WITH answered AS (
    UPDATE ledger_sends AS sends SET state = 'answered', answer = t.answer
    FROM unnest(%(ids)s::text[], %(answers)s::text[]) AS t (id, answer)
    WHERE sends.id = t.id AND sends.state = 'taken'
    RETURNING 1
)
SELECT pg_notify('ledger_sends', '') FROM answered LIMIT 1
"""
# Of who led before only of what it still waited for: of an older one it may have let a person send anew.
_ANSWERS = """
SELECT id, about, answer FROM ledger_sends WHERE epoch = %(of)s AND state = 'answered'
    AND (NOT %(before)s OR at >= clock_timestamp() - %(longest)s * interval '1 second')
"""
_HEARD = "DELETE FROM ledger_sends WHERE id = ANY(%(ids)s::text[]) AND state = 'answered'"
# What was taken back stays for a while: what hands it over may be on its way still. What was taken stays for
# as long as its leader may wait for what came of it, whatever the clock says.
_CLEAR = """
WITH gone AS (DELETE FROM ledger_senders WHERE until < clock_timestamp() - interval '1 hour')
DELETE FROM ledger_sends WHERE epoch < %(epoch)s - 1 OR (epoch < %(epoch)s AND state = 'waiting')
    OR (at < clock_timestamp() - interval '1 hour' AND state IN ('waiting', 'back'))
"""
_MESSAGE: TypeAdapter[Message] = TypeAdapter(Message)


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a message at the machine that took it.

    Without a receipt it did not leave: `why`, and (`asked`) whether the gateway asked for a pause of so many
    seconds.
    """

    receipt: Receipt | None = None
    why: str = ""
    pause: float | None = None
    asked: bool = False


_ANSWER_OF: TypeAdapter[Answer] = TypeAdapter(Answer)


@dataclass(frozen=True, slots=True)
class Parcel:
    """A message for one machine, by an id that no other ever has."""

    id: str
    owner: str
    message: Message


class Handing:
    """The leader's side. Its methods raise Away, and then it is not known whether it was done."""

    def __init__(self, url: str, epoch: int, gateway: str, *, patience: float = 1.0) -> None:
        """`gateway` is what tells apart how two machines send: only to the same is anything handed."""
        self.epoch, self._gateway = epoch, gateway
        self._marks = self._turns = 0
        self.ending: frozenset[str] = frozenset()
        """Which were handed something and stop: what they have they still send, and answer."""
        self._talk = Talk(url, "olt-noc-bot sends", patience=patience, greet=self._set_mark)

    @property
    def mark(self) -> str:
        """Of the connection: where the table is emptied it is gone with what was handed over."""
        return f"{self.epoch}/{self._marks}"

    async def machines(self) -> Sequence[str]:
        """Which others can be handed something."""
        rows, _ = await self._talk.ask(_SENDERS, lambda: {"gateway": self._gateway})
        self.ending = frozenset(str(owner) for owner, takes in rows if not takes)
        return [str(owner) for owner, takes in rows if takes]

    async def put(self, parcels: Sequence[Parcel]) -> str:
        """Hand these over, or, where there is no answer, maybe; the mark to take them back by.

        Away where it is known that nobody was handed any.
        """
        try:  # a name may have half a character
            texts = [_MESSAGE.dump_json(one.message).decode() for one in parcels]
        except PydanticSerializationError:
            raise Away("no text") from None
        self._turns += 1
        turn, used, over = self._turns, "", False

        def facts() -> Mapping[str, object]:
            nonlocal used
            if over:
                raise Away("too late")
            used = f"{self.mark} {turn}"
            return {
                "epoch": self.epoch,
                "mark": self.mark,
                "turn": str(turn),
                "ids": [one.id for one in parcels],
                "owners": [one.owner for one in parcels],
                "abouts": [one.message.about for one in parcels],
                "messages": texts,
            }

        try:
            told, _ = await self._talk.ask(_PUT, facts)
        except Away:
            over = True
            if not used:
                raise
            return used
        if not told:  # there is no mark any more: with the next connection there is another
            self._talk.hang_up()
            raise Away("emptied")
        return used

    async def take_back(self, ids: Iterable[str], mark: str) -> set[str]:
        """Those of them that nobody sends any more, and nobody has. Of the others nothing is known yet."""
        name, _, turn = mark.partition(" ")
        facts = {"epoch": self.epoch, "ids": list(ids), "mark": name, "turn": int(turn or self._turns + 1)}
        there, _ = await self._talk.ask(_TAKE_BACK, lambda: facts)
        kept_away, _ = await self._talk.ask(_KEEP_AWAY, lambda: facts)
        return {str(id_) for (id_,) in (*there, *kept_away)}

    async def answers(self, *, before: bool = False) -> list[tuple[str, str, Answer]]:
        """What came of some, by id and `Message.about`, until it is `heard`; `before`: of who led before."""
        facts = {"of": self.epoch - before, "before": before, "longest": LONGEST}
        rows, _ = await self._talk.ask(_ANSWERS, lambda: facts)
        return [(str(id_), str(about), _answer(text)) for id_, about, text in rows]

    async def heard(self, ids: Iterable[str]) -> None:
        """These answers need not be told again. Whoever waits for one has it: it can be taken back now."""
        facts = {"ids": list(ids)}
        await self._talk.ask(_HEARD, lambda: facts)

    async def clear(self) -> None:
        """What nobody needs any more goes; and what nobody took of who led before stays unsent."""
        await self._talk.ask(_CLEAR, lambda: {"epoch": self.epoch})

    def hang_up(self) -> None:
        """Nothing is asked any more."""
        self._talk.hang_up()

    async def _set_mark(self, connection: AsyncConnection[Any]) -> None:
        self._marks += 1
        await connection.execute(_MARK.encode(), {"mark": self.mark, "epoch": self.epoch})


class Taking:
    """The side of a machine that stands by and sends what it is handed. Its methods raise Away."""

    def __init__(self, url: str, owner: str, gateway: str, *, patience: float = 1.0) -> None:
        self._owner, self._gateway = owner, gateway
        self._talk = Talk(url, "olt-noc-bot sends", patience=patience)

    async def here(self) -> None:
        """It can be handed something, for three seconds."""
        await self._talk.ask(_HERE, lambda: self._facts() | {"alive": ALIVE})

    async def gone(self) -> None:
        """Nothing more is to be handed to it; what it has it still answers."""
        await self._talk.ask(_GONE, lambda: self._facts() | {"ends": ENDS_WITHIN})

    async def take(self, most: int) -> list[tuple[str, Message | None]]:
        """At most so many that are for this machine: it alone has them, and sends each within a second.

        None: nobody can read it.
        """
        facts = self._facts() | {"leader": NAME, "within": LEAVES_WITHIN, "most": most}
        rows, _ = await self._talk.ask(_TAKE, lambda: facts)
        return [(str(id_), _message(text)) for id_, text in rows]

    async def answer(self, answers: Mapping[str, Answer]) -> None:
        """What came of these."""
        texts = [_text(one) for one in answers.values()]
        await self._talk.ask(_ANSWER, lambda: {"ids": list(answers), "answers": texts})

    def hang_up(self) -> None:
        """Nothing is asked any more."""
        self._talk.hang_up()

    def _facts(self) -> dict[str, object]:
        return {"owner": self._owner, "gateway": self._gateway}


def _message(text: str) -> Message | None:
    try:
        return _MESSAGE.validate_json(text)
    except ValidationError:
        return None


def _text(answer: Answer) -> str:
    """A gateway's words may have half a character, which is no text: without them it is told all the same."""
    try:
        return _ANSWER_OF.dump_json(answer).decode()
    except PydanticSerializationError:
        receipt = None if answer.receipt is None else answer.receipt._replace(reference=None, reason="error")
        return _ANSWER_OF.dump_json(replace(answer, receipt=receipt, why="error")).decode()


def _answer(text: str) -> Answer:
    """What nobody can read proves nothing: it may have left."""
    try:
        return _ANSWER_OF.validate_json(text)
    except ValidationError:
        return Answer(Receipt(Outcome.UNKNOWN, reason="error"))
