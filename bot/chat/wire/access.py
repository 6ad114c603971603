"""Who may decide, and where: every tap and command is checked for its person and its chat."""

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from telegram import Bot, ChatMember, ChatMemberRestricted, User
from telegram.error import BadRequest, TelegramError

from bot.domain.who import Who
from bot.errors import Declined
from bot.ports import Clock

log = logging.getLogger(__name__)

ANONYMOUS_ADMIN = 1087968824  # Telegram's own: speaks for the group and names nobody
KEPT = 300.0  # seconds that the list of administrators is taken as it is
TOO_OLD = 2 * KEPT  # then a decision waits for a new list
FRESH = 10.0  # a list so young is not read again for somebody who is not on it
MEMBER_KEPT = 60.0  # seconds that somebody's place in the group is taken as it is, where nothing is sent
PATIENCE = 1.0  # seconds that the answer to a tap waits for what Telegram has to say first
ASKING, ASK_TRIES = 4.0, 2  # a send waits for no more than that many answers, and so many seconds for each
UNTOLD = frozenset({"admins_unknown", "group_unknown"})
"""Why somebody is declined of whom Telegram does not tell now what they are."""
_NOBODY = ("user not found", "member not found", "participant_id_invalid", "user_id_invalid")

Approvers = frozenset[int] | Literal["*"]
Standing = Literal["out", "member", "admin"]
"""What somebody is in the group."""


@dataclass(slots=True)
class Names:
    """What people are called, as Telegram says: one for all groups, and one group at a time asks."""

    known: dict[int, str] = field(default_factory=dict)
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class Access:
    """TELEGRAM_APPROVERS: user ids, `*` for everyone in the group, empty for its administrators."""

    def __init__(
        self,
        bot: Bot,
        clock: Clock,
        approvers: Approvers,
        group: Callable[[], int],
        on_call: frozenset[int] = frozenset(),
        *,
        names: Names | None = None,
    ) -> None:
        """`group` says where the group is now; `on_call` are the approvers on duty, none of them: all.

        Of several groups each has the same `names`.
        """
        self._bot = bot
        self._clock = clock
        self._approvers = approvers
        self._group = group
        self._on_call = on_call
        names = names or Names()
        self._names, self._asking = names.known, names.asking
        self._admins: frozenset[int] = frozenset()
        self._read_at = -math.inf
        self._reading, self._tries = asyncio.Lock(), 0
        self._standings: dict[int, tuple[Standing, float]] = {}
        self._asked: dict[int, asyncio.Task[Standing | None]] = {}
        self.on_change: Callable[[int], None] = lambda _: None
        """Hears whom Telegram says by itself to be something else in the group now."""

    def follow(self, approvers: Approvers, on_call: frozenset[int]) -> None:
        """From now on these are."""
        self._approvers, self._on_call = approvers, on_call

    def name(self, user: int) -> str:
        """What somebody is called, as far as that is known here; empty where it is not."""
        return self._names.get(user, "")

    @property
    def who_decides(self) -> Literal["everyone", "listed", "admins"]:
        """Who may decide, by the setting."""
        if self._approvers == "*":
            return "everyone"
        return "listed" if self._approvers else "admins"

    async def keep_warm(self) -> None:
        """Read administrators and names again and again: neither a tap nor a reminder waits for it."""
        while True:
            if self._approvers == frozenset():
                await self._refresh(KEPT)
            await self.read_names()
            await self._clock.sleep(KEPT)

    def on_duty(self) -> list[Who]:
        """Who is to be asked first: those on call, or all approvers. A name that is not known is empty."""
        return self._people(self._on_call) if self._on_call else self.approvers()

    def approvers(self) -> list[Who]:
        """Who may decide, as far as they can be listed: nobody where everyone in the group may."""
        if self._approvers == "*":
            return []
        return self._people(self._approvers or self._admins)

    def _people(self, ids: frozenset[int]) -> list[Who]:
        return [Who(id_, self._names.get(id_, "")) for id_ in sorted(ids)]

    async def read_names(self) -> None:
        """Those of approvers and of who is on call that are not known yet."""
        listed = frozenset() if self._approvers == "*" else self._approvers
        async with self._asking:
            for user in sorted((self._on_call | listed) - self._names.keys()):
                try:
                    member = await self._bot.get_chat_member(self._group(), user)
                except TelegramError as error:
                    log.info("a member's name could not be read (%s)", type(error).__name__)
                else:
                    self._names[user] = member.user.full_name

    def person(self, user: User | None) -> User:
        """The person behind a tap or command. Declined for bots and for the group itself."""
        if user is not None and user.id == ANONYMOUS_ADMIN:
            raise Declined("anonymous")
        if user is None or user.is_bot:
            raise Declined("not_a_person")
        return user

    async def check_approver(self, user: int, fresh: float = FRESH) -> None:
        """Declined for who may not decide; a list that is older than `fresh` seconds is read again for
        somebody who is not on it.
        """
        if self._approvers == "*":
            return
        if self._approvers:
            if user not in self._approvers:
                raise Declined("not_allowed", decides=self.who_decides)
            return
        if self._age > TOO_OLD or (user not in self._admins and self._age > fresh):
            await self._refresh(FRESH)
        if self._age > TOO_OLD:
            raise Declined("admins_unknown")
        if user not in self._admins:
            raise Declined("not_allowed", decides=self.who_decides)

    async def is_approver(self, user: int) -> bool:
        """Whether this person may decide."""
        try:
            await self.check_approver(user)
        except Declined:
            return False
        return True

    async def listed(self, user: int) -> bool | None:
        """The same by the list as it is kept, which costs nothing; None where Telegram tells none."""
        try:
            await self.check_approver(user, TOO_OLD)
        except Declined as no:
            return None if no.code in UNTOLD else False
        return True

    async def check_chat(self, chat: int, user: int, patience: float = ASKING) -> None:
        """Declined outside the group and an approver's private chat with the bot; `patience` as below."""
        if chat == self._group():
            return
        if chat != user:
            raise Declined("wrong_chat")
        await self.check_approver(user)
        await self.check_in_group(user, patience)

    async def check_in_group(self, user: int, patience: float = ASKING) -> None:
        """Declined for who is not in the group (any more), or where nobody can tell within `patience`
        seconds (what comes later is for the next try): the list of approvers stays when somebody leaves.
        """
        known = self._standings.get(user)
        if known is None or self._clock.monotonic() - known[1] > MEMBER_KEPT:
            standing = await self._ask_within(patience, user)
        else:
            standing = known[0]
        if standing is None:
            raise Declined("group_unknown")
        if standing == "out":
            raise Declined("not_in_group")

    async def still_may(self, who: Who) -> bool | None:
        """Whether this person may decide, asked now (`ports.Staff`)."""
        if self._approvers not in {"*", frozenset()} and who.id not in self._approvers:
            return False
        for again in range(ASK_TRIES):
            standing = await self._ask(who.id)
            if standing is not None:
                return standing == "admin" if self.who_decides == "admins" else standing != "out"
            if again + 1 < ASK_TRIES:
                await self._clock.sleep(1)
        known = self._standings.get(who.id)
        if known is not None and known[0] == "out":
            return False
        listed = self.who_decides != "admins" or math.isinf(self._age) or who.id in self._admins
        return None if listed else False

    def heard(self, member: ChatMember) -> None:
        """Telegram says by itself what somebody is in the group now."""
        standing = _standing(member)
        self._standings[member.user.id] = standing, self._clock.monotonic()
        if member.user.is_bot:
            return
        if standing == "admin":
            self._admins |= {member.user.id}
            self._names[member.user.id] = member.user.full_name
        else:
            self._admins -= {member.user.id}
        self.on_change(member.user.id)

    @property
    def _age(self) -> float:
        return self._clock.monotonic() - self._read_at

    async def _refresh(self, older_than: float) -> None:
        tries = self._tries
        async with self._reading:
            if self._age <= older_than or tries != self._tries:
                return  # it was read, or could not be, while this one waited for its turn
            self._tries += 1
            try:
                admins = await self._bot.get_chat_administrators(self._group())
            except TelegramError as error:
                log.warning("the group's administrators could not be read (%s)", type(error).__name__)
                return
            people = [admin.user for admin in admins if not admin.user.is_bot]
            self._admins = frozenset(user.id for user in people)
            self._names |= {user.id: user.full_name for user in people}
            self._read_at = self._clock.monotonic()

    async def _ask_within(self, seconds: float, user: int) -> Standing | None:
        """The same, None where it takes longer; what Telegram says then is kept."""
        if user not in self._asked:
            self._asked[user] = asyncio.create_task(self._ask(user))
            self._asked[user].add_done_callback(lambda _: self._asked.pop(user))
        asked = self._asked[user]
        await asyncio.wait({asked}, timeout=seconds)
        return asked.result() if asked.done() else None

    async def _ask(self, user: int) -> Standing | None:
        """What somebody is in the group now; None where Telegram does not say."""
        standing: Standing
        try:
            async with asyncio.timeout(ASKING):
                standing = _standing(await self._bot.get_chat_member(self._group(), user))
        except BadRequest as error:
            if not any(sign in str(error).lower() for sign in _NOBODY):
                log.warning("a member could not be asked for (%s)", error)
                return None
            standing = "out"
        except (TelegramError, TimeoutError, RuntimeError) as error:  # RuntimeError: not connected yet
            log.warning("a member could not be asked for (%s)", type(error).__name__)
            return None
        self._standings[user] = standing, self._clock.monotonic()
        return standing


def _standing(member: ChatMember) -> Standing:
    if isinstance(member, ChatMemberRestricted):
        return "member" if member.is_member else "out"
    if member.status in {ChatMember.ADMINISTRATOR, ChatMember.OWNER}:
        return "admin"
    return "out" if member.status in {ChatMember.LEFT, ChatMember.BANNED} else "member"
