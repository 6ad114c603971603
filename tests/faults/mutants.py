"""Deliberately broken copies of the code, each with the attack that has to catch it."""

from typing import NamedTuple


class Mutant(NamedTuple):
    """What is broken: `old` (which must be there, once) becomes `new` in `file`; `attack` must notice."""

    name: str
    file: str
    old: str
    new: str
    attack: str


QUICK = frozenset(
    {
        "no fdatasync before the waiters wake",
        "no intent is written",
        "an unknown one is sent again after a start",
        "the cooldown is checked but not reserved",
        "the lock is released early",
    }
)
"""The ones without which an attack is none: they run with the quick part of the attacks, the others apart."""

MUTANTS: tuple[Mutant, ...] = (
    Mutant(
        "no fdatasync before the waiters wake",
        "bot/storage/segments.py",
        "            self._disk.fdatasync(self._descriptor)\n",
        "",
        "disk",
    ),
    Mutant(
        "the waiters wake before the write",
        "bot/storage/files.py",
        "        self._writing = True\n",
        "        self._writing = True\n"
        "        for entry in group:\n"
        "            if entry.waiter is not None and not entry.waiter.done():\n"
        "                entry.waiter.set_result(None)\n",
        "disk",
    ),
    Mutant(
        "a new segment's folder is not synced",
        "bot/storage/segments.py",
        "            self._disk.sync_folder(self._folder)\n",
        "            pass\n",
        "disk",
    ),
    Mutant(
        "it writes on after a failed write",
        "bot/storage/files.py",
        "                entry.waiter.set_exception(LedgerClosed(why))\n        self._stop(why)\n",
        "                entry.waiter.set_exception(LedgerClosed(why))\n",
        "disk",
    ),
    Mutant(
        "the request leaves before its intent is durable",
        "bot/steps/send.py",
        "            lines = await self.ledger.commit(claim(job.case, job.turn, recipient.id, self.rules))\n",
        "            rule = claim(job.case, job.turn, recipient.id, self.rules)\n"
        "            lines = rule(self.ledger.book, self.clock.now())\n"
        "            self.ledger.note(lines[0])\n",
        "disk",
    ),
    Mutant(
        "no intent is written",
        "bot/steps/send.py",
        "            lines = await self.ledger.commit(claim(job.case, job.turn, recipient.id, self.rules))\n",
        "            rule = claim(job.case, job.turn, recipient.id, self.rules)\n"
        "            lines = rule(self.ledger.book, self.clock.now())\n",
        "disk",
    ),
    Mutant(
        "the torn tail is not cut",
        "bot/storage/replay.py",
        "            disk.truncate(descriptor, end)\n",
        "",
        "disk",
    ),
    Mutant(
        "the torn tail is cut before its copy is durable",
        "bot/storage/replay.py",
        "        disk.replace(kept, disk.read(path)[end:])\n"
        "        descriptor = disk.open_append(path)\n"
        "        try:\n"
        "            disk.truncate(descriptor, end)\n"
        "            disk.fdatasync(descriptor)\n"
        "        finally:\n"
        "            disk.close(descriptor)\n",
        "        torn = disk.read(path)[end:]\n"
        "        descriptor = disk.open_append(path)\n"
        "        try:\n"
        "            disk.truncate(descriptor, end)\n"
        "            disk.fdatasync(descriptor)\n"
        "        finally:\n"
        "            disk.close(descriptor)\n"
        "        disk.replace(kept, torn)\n",
        "disk",
    ),
    Mutant(
        "a torn last group is taken for corruption",
        "bot/storage/replay.py",
        "group > found.head.group + 1",
        "group > found.head.group",
        "disk",
    ),
    Mutant(
        "what a killed process left is not synced at the start",
        "bot/storage/files.py",
        "            make_durable(disk, folder, found)\n",
        "",
        "disk",
    ),
    Mutant(
        "the cooldown is checked but not reserved",
        "bot/domain/book.py",
        "        self.reserve(line.case)\n\n    @_fold.register\n    def _(self, line: events.Denied)",
        "\n    @_fold.register\n    def _(self, line: events.Denied)",
        "disk",
    ),
    Mutant(
        "an unknown one is sent again after a start",
        "bot/domain/book.py",
        'progress.results[recipient] = Receipt(Outcome.UNKNOWN, reason="interrupted")',
        "progress.intents.pop(recipient)",
        "disk",
    ),
    Mutant(
        "a stop is forgotten at the next start",
        "bot/domain/book.py",
        "        if dispatch.phase is Phase.STOPPING:  # a person stopped it",
        "        if False:  # a person stopped it",
        "disk",
    ),
    Mutant(
        "two months in one segment",
        "bot/storage/files.py",
        "        count = sum(segment_name(entry.at) == month for entry in self._pending)\n",
        "        count = len(self._pending)\n",
        "disk.month_ends",
    ),
    Mutant(
        "the lock is released early",
        "bot/storage/files.py",
        "            return cls._replayed(folder, clock, disk, release)\n",
        "            release()\n            return cls._replayed(folder, clock, disk, release)\n",
        "disk",
    ),
    Mutant(
        "a reset counts as never sent",
        "bot/upstream.py",
        '(aiohttp.ClientConnectionError, AnswerLost, "reset"),',
        '(aiohttp.ClientConnectionError, TryLater, "reset"),',
        "network",
    ),
    Mutant(
        "a lost half of an answer counts as never sent",
        "bot/upstream.py",
        'AnswerLost, "half_answer"',
        'TryLater, "half_answer"',
        "network",
    ),
    Mutant(
        "a read timeout counts as never sent",
        "bot/upstream.py",
        '(TimeoutError, AnswerLost, "no_answer"),',
        '(TimeoutError, TryLater, "no_answer"),',
        "network",
    ),
    Mutant(
        "the total limit counts as never sent",
        "bot/upstream.py",
        'raise AnswerLost("no_answer") from None',
        'raise TryLater("no_answer") from None',
        "network",
    ),
    Mutant(
        "5xx counts as never sent",
        "bot/upstream.py",
        'raise AnswerLost(f"http_{response.status_code}")',
        'raise TryLater(f"http_{response.status_code}")',
        "network",
    ),
    Mutant(
        "429 counts as unknown",
        "bot/upstream.py",
        'raise Throttled("throttled", _retry_after(response.headers))',
        'raise AnswerLost("throttled")',
        "network",
    ),
    Mutant(
        "a refused connection counts as unknown",
        "bot/upstream.py",
        '    (aiohttp.ClientConnectorError, TryLater, "refused"),\n',
        "",
        "network",
    ),
    Mutant(
        "the date in Retry-After is not read",
        "bot/upstream.py",
        "return max(0.0, wait.total_seconds())",
        "return None if wait else 0.0",
        "network",
    ),
    Mutant(
        "Retry-After holds back one worker only",
        "bot/steps/send.py",
        "self.limiter.pause(pause)",
        "pass",
        "network",
    ),
    Mutant(
        "an unreadable 2xx counts as refused",
        "bot/gateways/matrix_answers.py",
        'Receipt(Outcome.UNCONFIRMED, reason="unconfirmed")',
        'Receipt(Outcome.REJECTED, reason="unconfirmed")',
        "network",
    ),
    Mutant(
        "HTTP 200 counts as success, whatever it says",
        "bot/gateways/matrix_answers.py",
        '        case 2, "0":',
        "        case 2, str():",
        "network",
    ),
    Mutant(
        "a refused key stops nothing",
        "bot/steps/send.py",
        'job.stop(receipt.reason or "refused", receipt.halt)\n                if',
        "pass\n                if",
        "network",
    ),
    Mutant(
        "a refused key is held against the customer",
        "bot/steps/send.py",
        "if receipt.halt is not None and receipt.outcome is Outcome.REJECTED:",
        "if False:",
        "network",
    ),
    Mutant(
        "a refused template stops nothing",
        "bot/gateways/matrix_words.py",
        '    ("template", re.compile(_TEMPLATE)),\n',
        "",
        "network",
    ),
    Mutant(
        "one customer's refusal stops all",
        "bot/gateways/matrix_words.py",
        "if pattern.fullmatch(words)",
        "if pattern.search(words)",
        "network",
    ),
    Mutant(
        "what never left is not tried again",
        "bot/steps/send.py",
        "or tried >= self.rules.send_tries:",
        "or tried >= 1:",
        "network",
    ),
    Mutant(
        "the breaker never opens",
        "bot/domain/retry.py",
        "return self.failures >= self.after",
        "return False",
        "network",
    ),
    Mutant(
        "a send leaves before its intent is durable",
        "bot/steps/send.py",
        "            lines = await self.ledger.commit(claim(job.case, job.turn, recipient.id, self.rules))\n",
        "            rule = claim(job.case, job.turn, recipient.id, self.rules)\n"
        "            lines = rule(self.ledger.book, self.clock.now())\n"
        "            self.ledger.note(lines[0])\n",
        "process",
    ),
    Mutant(
        "a kill makes an unknown one a new one",
        "bot/domain/book.py",
        'progress.results[recipient] = Receipt(Outcome.UNKNOWN, reason="interrupted")',
        "progress.intents.pop(recipient)",
        "process",
    ),
    Mutant(
        "a start interrupts nothing",
        "bot/domain/book.py",
        "        for number in running:\n            if self",
        "        for number in ():\n            if self",
        "process",
    ),
    Mutant(
        "a line that could not be written closes nothing",
        "bot/storage/files.py",
        "                entry.waiter.set_exception(LedgerClosed(why))\n        self._stop(why)\n",
        "                entry.waiter.set_exception(LedgerClosed(why))\n",
        "process",
    ),
    Mutant(
        "the stop cuts off what is in flight",
        "bot/process/app.py",
        "IN_FLIGHT = 35.0 ",
        "IN_FLIGHT = 0.0 ",
        "stops",
    ),
    Mutant(
        "the stop lets the dispatch go on",
        "bot/process/app.py",
        "        self._flow.drain()\n",
        "",
        "stops",
    ),
    Mutant(
        "the stop is not written",
        "bot/process/app.py",
        "            if not cut_off:\n",
        "            if cut_off:\n",
        "stops",
    ),
    Mutant(
        "the second SIGTERM kills",
        "bot/process/app.py",
        "        loop.add_signal_handler(name, stop.set)\n",
        "        heard = (stop.set, lambda name=name: loop.remove_signal_handler(name))\n"
        "        loop.add_signal_handler(name, lambda heard=heard: [step() for step in heard])\n",
        "stops",
    ),
    Mutant(
        "the checksum of a line is not looked at",
        "bot/storage/codec.py",
        "    if crc32(raw[:-_CRC_FIELD]) != int(tail[2], 16):\n        raise BadLine(",
        "    if False:\n        raise BadLine(",
        "files",
    ),
    Mutant(
        "the chain from line to line is not looked at",
        "bot/storage/replay.py",
        "    if entry.prev != tail.digest:\n",
        "    if False:\n",
        "files",
    ),
    Mutant(
        "the sequence of lines is not looked at",
        "bot/storage/replay.py",
        "    if entry.seq != seq:\n",
        "    if False:\n",
        "files",
    ),
    Mutant(
        "the number of lines of a group is not looked at",
        "bot/storage/replay.py",
        "    if last is not None and entry.left != last.left - 1:\n",
        "    if False:\n",
        "files",
    ),
    Mutant(
        "the times of lines are not looked at",
        "bot/storage/replay.py",
        "    if entry.at < (_floor(last) if last else head.at):\n",
        "    if False:\n",
        "files",
    ),
    Mutant(
        "half a group counts",
        "bot/storage/replay.py",
        "            if entry.left == 0:\n",
        "            if True:\n",
        "files",
    ),
    Mutant(
        "a bad line is skipped",
        "bot/storage/replay.py",
        "            fault = Fault.CORRUPT if error.intact else Fault.TORN\n"
        "            return Trouble(fault, name, number, offset, str(error))\n",
        "            del error\n",
        "files",
    ),
    Mutant(
        "damage with later groups behind it is a torn tail",
        "bot/storage/replay.py",
        "    fault = Fault.CORRUPT if later else trouble.fault\n",
        "    fault = trouble.fault\n",
        "files",
    ),
    Mutant(
        "an intact line that does not fit is a torn tail",
        "bot/storage/replay.py",
        "            fault = Fault.CORRUPT if error.intact else Fault.TORN\n",
        "            fault = Fault.TORN\n",
        "files",
    ),
    Mutant(
        "only an intact line is a trace of a later group",
        "bot/storage/replay.py",
        "        later = codec.groups_in(data[trouble.offset :])\n",
        "        seen = map(codec.group_of, data[trouble.offset :].split(b'\\n'))\n"
        "        later = {number for number in seen if number is not None}\n",
        "files",
    ),
    Mutant(
        "a torn tail is cut and not kept",
        "bot/storage/replay.py",
        "        disk.replace(kept, disk.read(path)[end:])\n",
        "",
        "files",
    ),
    Mutant(
        "what a newer version added is dropped in silence",
        "bot/storage/codec.py",
        'extra="forbid"',
        'extra="ignore"',
        "files",
    ),
    Mutant(
        "a damaged ledger decides",
        "bot/storage/recorder.py",
        "not all(isinstance(line, OBSERVATIONS) for line in lines):\n",
        "not lines:\n",
        "files",
    ),
    Mutant(
        "views that are there are believed",
        "bot/storage/views.py",
        "            for name, text in texts.items():\n",
        "            there = self._disk.names(self._folder)\n"
        "            for name, text in [pair for pair in texts.items() if pair[0] not in there]:\n",
        "files",
    ),
    Mutant(
        "verify passes what a start does not",
        "bot/storage/verify.py",
        "        return self.trouble is None or self.trouble.fault is Fault.INCOMPLETE\n",
        "        return True\n",
        "files",
    ),
    Mutant(
        "repair cuts a damaged ledger at its first bad line",
        "bot/storage/mending.py",
        "    if found.trouble is None or found.trouble.fault is Fault.CORRUPT:\n",
        "    if found.trouble is None:\n",
        "files",
    ),
    Mutant(
        "repair drops damaged lines at the end as garbage",
        "bot/storage/mending.py",
        "    return mended if tried.trouble is None and homes and max(traces) <= last else None\n",
        "    return mended if tried.trouble is None and homes and max(traces) and last else None\n",
        "files",
    ),
    Mutant(
        "repair writes without a check that the result is whole",
        "bot/storage/mending.py",
        "    return mended if tried.trouble is None and homes and max(traces) <= last else None\n",
        "    return mended if homes and max(traces) and last else None\n",
        "files",
    ),
    Mutant(
        "repair keeps no copy",
        "bot/storage/repair.py",
        "    disk.replace(copy, data)\n",
        "",
        "files",
    ),
    Mutant(
        "a second instance may start",
        "bot/storage/disk.py",
        "        lock.acquire()\n        return lock.release\n",
        "        return lock.release\n",
        "folder",
    ),
    Mutant(
        "an emptied ledger with views is a new one",
        "bot/storage/replay.py",
        "    if not found.head.seq and (left := VIEWS.intersection(disk.names(folder))):\n",
        "    left = set()\n    if False:\n",
        "folder",
    ),
    Mutant(
        "the cooldown of a port is checked but not reserved",
        "bot/domain/book.py",
        "            self.reservations[port.key] = Reservation(port, self.last_at, number, dispatch.by)\n",
        "            pass\n",
        "orders",
    ),
    Mutant(
        "what was in flight at a crash is to do again",
        "bot/domain/book.py",
        '                progress.results[recipient] = Receipt(Outcome.UNKNOWN, reason="interrupted")\n',
        "                progress.intents.pop(recipient)\n",
        "orders",
    ),
    Mutant(
        "the reservation is given back before the end",
        "bot/domain/book.py",
        "        dispatch.phase, dispatch.last_at = Phase.SENDING, self.last_at\n        dispatch.facts",
        (
            "        dispatch.phase, dispatch.last_at = Phase.SENDING, self.last_at\n"
            "        self.give_back(line.case)\n"
            "        dispatch.facts"
        ),
        "walk",
    ),
    Mutant(
        "an old ledger need not be confirmed",
        "bot/steps/decide.py",
        ('    if book.unconfirmed is not None:\n        raise Declined("unconfirmed"'),
        ('    if False:\n        raise Declined("unconfirmed"'),
        "walk",
    ),
    Mutant(
        "a worker does not hear a stop",
        "bot/steps/send.py",
        ("        while not job.halt.is_set():\n            try:"),
        ("        while True:\n            try:"),
        "walk",
    ),
    Mutant(
        "a resend does not wait for a late answer",
        "bot/flow/flow.py",
        "if any(case == chosen.case for case, _ in self._sender.late):",
        "if False:",
        "walk",
    ),
    Mutant(
        "one row of the gateway's list proves two sends",
        "bot/steps/unknown.py",
        "        if doubt not in proofs and row.reference not in taken:",
        "        if doubt not in proofs:",
        "orders",
    ),
    Mutant(
        "resuming sends again what is unknown",
        "bot/domain/book.py",
        "for id_, receipt in results if receipt.outcome is Outcome.FAILED]",
        "for id_, receipt in results if receipt.outcome in {Outcome.FAILED, Outcome.UNKNOWN}]",
        "orders",
    ),
    Mutant(
        "an approval is cancelled in mid-send",
        "bot/steps/decide.py",
        ("        if state in {CaseState.COUNTDOWN, CaseState.SCHEDULED}:\n            return [Cancelled"),
        (
            "        if state in {CaseState.COUNTDOWN, CaseState.SCHEDULED, CaseState.SENDING}:\n            return [Cancelled"
        ),
        "orders",
    ),
    Mutant(
        "whose send is unknown counts as not told",
        "bot/domain/book.py",
        "        elif receipt.outcome in IN_DOUBT:\n",
        "        elif receipt.outcome in IN_DOUBT:\n            self._not_told(line.case, line.recipient)\n",
        "orders",
    ),
    Mutant(
        "who is told through another port is not spared",
        "bot/steps/send.py",
        "        if told is not None and told.case != number and free_at",
        "        if told is not None and told.case < 0 and free_at",
        "orders",
    ),
    Mutant(
        "taking up again hides who told them meanwhile",
        "bot/domain/book.py",
        "            dispatch.progress.take_up_again(failed)\n",
        (
            "            dispatch.progress.take_up_again(failed)\n"
            "            for id_ in failed:\n"
            "                self._tell(line.case, dispatch.progress.recipients[id_])\n"
        ),
        "orders",
    ),
    Mutant(
        "a resumed dispatch does not see that the outage is over",
        "bot/steps/gate.py",
        "        todo = progress.todo() if progress is not None else []\n        if found.over:",
        "        todo: list[Recipient] = []\n        if found.over:",
        "orders",
    ),
    Mutant(
        "a broken send leaves the others on their own",
        "bot/steps/send.py",
        ("            await asyncio.wait(working)\n            raise"),
        "            raise",
        "orders",
    ),
    Mutant(
        "a resend that comes to nothing ends the doubt",
        "bot/domain/plan.py",
        "        if not before:\n            return False",
        "        if recipient:\n            return False",
        "orders",
    ),
    Mutant(
        "the claim of one send looks at no other",
        "bot/steps/send.py",
        "        if recipient.skip is not None or tried:\n",
        "        if recipient.skip is not None:\n",
        "people",
    ),
    Mutant(
        "an approval does not ask whether somebody was first",
        "bot/steps/decide.py",
        ("        case = undecided(book, number)\n        check_attempt(case, terms.attempt)\n"),
        ("        case = find(book, number)\n"),
        "people",
    ),
    Mutant(
        "a plan is written though its approval was cancelled",
        "bot/steps/gate.py",
        "        if not case.at_work(turn, Phase.COUNTDOWN):\n",
        "        if case.id < 0:\n",
        "people",
    ),
    Mutant(
        "a start draws no card again",
        "bot/flow/flow.py",
        (
            "        for number in sorted(self.ledger.book.open | self.ledger.book.running):\n"
            "            self._deps.chat.show(number)\n"
            "\n"
            "    def alive"
        ),
        ("        for number in ():\n            self._deps.chat.show(number)\n\n    def alive"),
        "people",
    ),
    Mutant(
        "now is the clock's, however far it was set back",
        "bot/storage/recorder.py",
        "return max(self._clock.now(), self._book.last_at)",
        "return self._clock.now()",
        "time",
    ),
    Mutant(
        "a port opens a second early",
        "bot/domain/limits/cooldown.py",
        "    return until if until > now else None",
        "    return until if until > now + timedelta(seconds=1) else None",
        "time",
    ),
    Mutant(
        "an old ledger is trusted for an hour and a second",
        "bot/domain/book.py",
        "SILENT = timedelta(hours=1)",
        "SILENT = timedelta(hours=1, seconds=1)",
        "time",
    ),
    Mutant(
        "times are told in UTC",
        "bot/chat/screens/words/__init__.py",
        "            return at.astimezone(self._tz)\n",
        "            return at\n",
        "time",
    ),
    Mutant(
        "who was spared counts as told",
        "bot/domain/book.py",
        (
            "            progress.recipients[line.recipient] = spared\n"
            "            self._not_told(line.case, line.recipient)\n"
        ),
        "            progress.recipients[line.recipient] = spared\n",
        "orders",
    ),
    Mutant(
        "nothing writes that the program runs",
        "bot/process/app.py",
        ", ASK)):\n",
        ", ASK))[1:]:\n",
        "schedule",
    ),
    Mutant(
        "the gateway's list is never asked for",
        "bot/process/app.py",
        ", ASK)):\n",
        ", ASK))[:1]:\n",
        "schedule",
    ),
    Mutant(
        "nobody notices that the clock was set back",
        "bot/process/app.py",
        "        self._watchdog = asyncio.create_task(self._watch_the_schedule())\n",
        "",
        "schedule",
    ),
    Mutant(
        "what is on its way is cancelled as if nothing had left",
        "bot/steps/decide.py",
        "        if state in {CaseState.COUNTDOWN, CaseState.SCHEDULED}:\n            return [Cancelled",
        "        if state in {CaseState.COUNTDOWN, CaseState.SCHEDULED, CaseState.SENDING}:\n            return [Cancelled",
        "people",
    ),
    Mutant(
        "a stop is not told to the dispatch",
        "bot/flow/flow.py",
        "decide.stop(number, who))\n        self._dispatcher.halt(number)\n",
        "decide.stop(number, who))\n",
        "people",
    ),
    Mutant(
        "denied although approved",
        "bot/steps/decide.py",
        "        undecided(book, number)\n        return [Denied",
        "        find(book, number)\n        return [Denied",
        "people",
    ),
    Mutant(
        "approved although denied",
        "bot/steps/decide.py",
        "    if case.undecided:\n        return\n",
        "    if case.undecided or case.state is CaseState.DENIED:\n        return\n",
        "people",
    ),
    Mutant(
        "an outage that is over is sent to",
        "bot/steps/gate.py",
        "        over = found.affected.over or case.ended_at is not None\n        recipients: list[Recipient] = []\n        phones: set[str] = set()\n        for onus in _by_customer(_as_known_now(found.affected.onus, case)):\n",
        "        over = False\n        recipients: list[Recipient] = []\n        phones: set[str] = set()\n        for onus in _by_customer([replace(onu, over=False) for onu in found.affected.onus]):\n",
        "people",
    ),
    Mutant(
        "sent again while a late answer may still come",
        "bot/flow/flow.py",
        "if any(case == chosen.case for case, _ in self._sender.late):",
        "if False:",
        "people",
    ),
    Mutant(
        "an old card decides like the new one",
        "bot/chat/taps/presses.py",
        "        if card is not None and card.message == message:\n",
        "        if card is not None:\n",
        "taps",
    ),
    Mutant(
        "the group that was left decides like the new one",
        "bot/chat/taps/presses.py",
        '        if chat != self._chat.group:\n            raise Declined("wrong_chat")\n',
        "        del chat\n",
        "taps",
    ),
    Mutant(
        "a tap is answered before it is decided",
        "bot/chat/taps/life_presses.py",
        "                return self._claimed(await desk.approve(number, who, terms))\n",
        "                approval = desk.approve(number, who, terms)\n"
        '                self._later = __import__("asyncio").ensure_future(approval)\n'
        "                return self._approved()\n",
        "taps",
    ),
    Mutant(
        "whoever taps later approves again",
        "bot/steps/decide.py",
        "        case = undecided(book, number)\n        check_attempt(case, terms.attempt)\n",
        "        case = find(book, number)\n",
        "taps",
    ),
    Mutant(
        "room is not looked for before a plan",
        "bot/storage/files.py",
        '            raise Declined("no_room")\n',
        "            return\n",
        "process.full_disks",
    ),
    Mutant(
        "a short write is taken as a whole one",
        "bot/storage/segments.py",
        "        if self._disk.write(self._descriptor, data) != len(data):\n",
        "        if self._disk.write(self._descriptor, data) < 0:\n",
        "process.full_disks",
    ),
    Mutant(
        "an error of a write is ignored",
        "bot/storage/segments.py",
        "                    self._disk.truncate(self._descriptor, self._end)\n            raise\n",
        "                    self._disk.truncate(self._descriptor, self._end)\n            return\n",
        "process.disk_read_only",
    ),
    Mutant(
        "an error of fdatasync is ignored",
        "bot/storage/segments.py",
        "            self._disk.fdatasync(self._descriptor)\n",
        "            with suppress(OSError):\n                self._disk.fdatasync(self._descriptor)\n",
        "disk",
    ),
    Mutant(
        "a folder that refuses is an empty one",
        "bot/storage/files.py",
        "        except OSError as error:\n            raise _unusable(folder, error) from error\n",
        (
            "        except OSError as error:\n"
            "            from bot.storage.segments import Head\n"
            "\n"
            "            nothing, why = Segments(disk, folder, Head()), Recovery(0, corrupt=str(error))\n"
            "            return cls(folder, clock, book=Book(), recovery=why, segments=nothing, release=str)\n"
        ),
        "folder.read_only_folder",
    ),
    Mutant(
        "what cannot be read counts as empty",
        "bot/storage/disk.py",
        "        return path.read_bytes()\n",
        "        with suppress(PermissionError):\n            return path.read_bytes()\n        return b''\n",
        "folder.others_folder",
    ),
    Mutant(
        "a start that is refused does not say why",
        "bot/storage/files.py",
        " cannot be used ({error.strerror}): {mend}",
        " cannot be used: {mend}",
        "folder.others_folder",
    ),
    Mutant(
        "a result is noted for the one before",
        "bot/steps/send.py",
        "        self._note(Result(job.case, recipient.id, receipt.outcome,",
        (
            "        found = [*self.ledger.book.cases[job.case].dispatches[-1].progress.intents]\n"
            "        last = found[max(0, found.index(recipient.id) - 1)]\n"
            "        self._note(Result(job.case, last, receipt.outcome,"
        ),
        "soak",
    ),
    Mutant(
        "each group opens its file and none is closed",
        "bot/storage/segments.py",
        "        if self._name is not None and name <= self._name:\n            return\n        self.close()\n",
        "",
        "soak",
    ),
    Mutant(
        "a replay passes over refusals",
        "bot/storage/replay.py",
        "            found.book.apply(entry.at, entry.line)\n",
        (
            '            if not (entry.line.kind == "result" and entry.line.outcome.name == "REJECTED"):\n'
            "                found.book.apply(entry.at, entry.line)\n"
        ),
        "soak",
    ),
    Mutant(
        "a repeated send without an answer ends the doubt about the first",
        "bot/domain/book.py",
        "        if receipt.outcome in ARRIVED:\n",
        "        if receipt.outcome in ARRIVED or receipt.outcome in IN_DOUBT:\n",
        "rules",
    ),
    Mutant(
        "who is spared a repeated send is no longer in doubt",
        "bot/domain/book.py",
        ("        if not progress.back_in_doubt(line.recipient):\n            spared"),
        ("        if progress:\n            spared"),
        "rules",
    ),
    Mutant(
        "a repeated send that is given up ends the doubt about the first",
        "bot/domain/plan.py",
        "        untold = [r for r in self.todo() if not self.back_in_doubt(r.id)]\n",
        "        untold = self.todo()\n",
        "rules",
    ),
    Mutant(
        "a repeated send that fails ends the doubt about the first",
        "bot/domain/book.py",
        "        elif not progress.back_in_doubt(line.recipient):  #",
        "        else:  #",
        "rules",
    ),
    Mutant(
        "who may have a message counts as not told",
        "bot/domain/book.py",
        "        elif receipt.outcome in IN_DOUBT:\n",
        (
            "        elif receipt.outcome in IN_DOUBT:\n"
            "            self._not_told(line.case, line.recipient)\n"
        ),
        "rules",
    ),
    Mutant(
        "a repeated send does not reserve its port",
        "bot/domain/book.py",
        (
            "        self.reserve(line.case, dispatch.ports_of(line.recipients))\n"
            "        self._progress(dispatch).take_up_again"
        ),
        "        self._progress(dispatch).take_up_again",
        "rules",
    ),
    Mutant(
        "a repeated send hides who told them meanwhile",
        "bot/domain/book.py",
        "        self._progress(dispatch).take_up_again(line.recipients)\n",
        (
            "        self._progress(dispatch).take_up_again(line.recipients)\n"
            "        for id_ in line.recipients:\n"
            "            self._tell(line.case, self._progress(dispatch).recipients[id_])\n"
        ),
        "rules",
    ),
    Mutant(
        "a repeated send is not known to run",
        "bot/domain/book.py",
        ("        dispatch.broken = False\n        self.running.add(line.case)\n"),
        "        dispatch.broken = False\n",
        "rules",
    ),
    Mutant(
        "the gateway's list decides about whom it was not asked",
        "bot/steps/unknown.py",
        "        those = [doubt for doubt in asked if doubt in present]\n",
        "        those = list(present)\n",
        "rules",
    ),
    Mutant(
        "the gateway's list decides about what was sent since",
        "bot/steps/unknown.py",
        "        those = [doubt for doubt in asked if doubt in present]\n",
        "        those = list(asked)\n",
        "rules",
    ),
    Mutant(
        "a claim has the time at which it is read",
        "bot/domain/book.py",
        "        progress.intents[line.recipient] = self.last_at\n",
        "        progress.intents[line.recipient] = datetime.now(UTC)\n",
        "rules",
    ),
    Mutant(
        "the end frees the port though somebody was reached",
        "bot/domain/book.py",
        " - dispatch.ports_of(reached):",
        ":",
        "rules",
    ),
    Mutant(
        "a late answer replaces what is known",
        "bot/domain/book.py",
        ("        if known is not None and known.outcome is not Outcome.UNKNOWN:\n            return\n"),
        "",
        "rules",
    ),
    Mutant(
        "who is refused here counts as not told by the others",
        "bot/domain/book.py",
        "        if key in self.told and self.told[key].case == number:\n",
        "        if key in self.told:\n",
        "rules",
    ),
    Mutant(
        "a dispatch that goes on does not reserve its port",
        "bot/domain/book.py",
        ("            dispatch.progress.take_up_again(failed)\n        self.reserve(line.case)\n"),
        "            dispatch.progress.take_up_again(failed)\n",
        "rules",
    ),
    Mutant(
        "a hang-up on a kept connection counts as never sent",
        "bot/upstream.py",
        '    (aiohttp.ClientConnectionError, AnswerLost, "reset"),\n',
        (
            '    (aiohttp.ServerDisconnectedError, TryLater, "reset"),\n'
            '    (aiohttp.ClientConnectionError, AnswerLost, "reset"),\n'
        ),
        "network",
    ),
    Mutant(
        "the library repeats a POST on a new connection",
        "bot/upstream.py",
        "        response = await _exchange(http, request, with_auth=False, total=total)\n",
        (
            "        try:\n"
            "            response = await _exchange(http, request, with_auth=False, total=total)\n"
            "        except AnswerLost:\n"
            "            response = await _exchange(http, request, with_auth=False, total=total)\n"
        ),
        "network.kept_connections",
    ),
    Mutant(
        "who was not surely warned hears that it is back",
        "bot/domain/case.py",
        "if r.id in results and results[r.id].outcome is Outcome.ACCEPTED",
        "if r.id in results",
        "life",
    ),
    Mutant(
        "that it is back is told as often as somebody taps",
        "bot/steps/restore.py",
        "        check_undecided(before)\n    check_attempt(before, terms.attempt)\n",
        "        find(book, -number)\n",
        "life",
    ),
    Mutant(
        "a start leaves what tells that it is back as it was",
        "bot/domain/book.py",
        "            if self._dispatch(number).phase is not Phase.SCHEDULED:",
        "            if number > 0 and self._dispatch(number).phase is not Phase.SCHEDULED:",
        "life",
    ),
    Mutant(
        "what was scheduled is begun though it is over",
        "bot/steps/delay.py",
        "            if is_over(book, case):\n                lines",
        "            if case.id == 0:\n                lines",
        "life",
    ),
    Mutant(
        "what was scheduled is begun in the night after",
        "bot/steps/delay.py",
        "            if closed_until(rules, now) is not None:\n",
        "            if False:\n",
        "life",
    ),
    Mutant(
        "what was scheduled is begun on an old ledger",
        "bot/steps/delay.py",
        "        if book.unconfirmed is not None:\n",
        "        if False:\n",
        "life",
    ),
    Mutant(
        "a start interrupts what was scheduled",
        "bot/domain/book.py",
        "            if self._dispatch(number).phase is not Phase.SCHEDULED:",
        "            if self._dispatch(number).phase is not Phase.FINISHED:",
        "life",
    ),
    Mutant(
        "one person approves twice",
        "bot/steps/decide.py",
        "        elif proposal.by.id == who.id:\n",
        "        elif who.id == 0:\n",
        "life",
    ),
    Mutant(
        "the first of two approvals never runs out",
        "bot/domain/case.py",
        "        return now - self.at <= SECOND_WITHIN\n",
        "        return self.at <= now\n",
        "life",
    ),
    Mutant(
        "the second of two is not asked about the hours",
        "bot/steps/decide.py",
        "else first or terms.hours\n",
        'else first or "now"\n',
        "life",
    ),
    Mutant(
        "who approves alone may send to as many as there are",
        "bot/steps/gate.py",
        " and alone and size.customers > rules.two_person_above",
        " and alone and size.customers < 0",
        "life",
    ),
    Mutant(
        "it goes on by itself after the hours",
        "bot/steps/decide.py",
        "until if now < until and _may_be_now(dispatch, rules, now) else None",
        "until if now < until else None",
        "life",
    ),
    Mutant(
        "a late sibling joins a case that was decided on",
        "bot/steps/compose.py",
        "not case.undecided or _proposed(case, now))",
        "False)",
        "life",
    ),
    Mutant(
        "a late sibling joins a case that one of two approved",
        "bot/steps/compose.py",
        "not case.undecided or _proposed(case, now))",
        "not case.undecided)",
        "life",
    ),
    Mutant(
        "what is taken apart stays in both cases",
        "bot/domain/book_life.py",
        "        _leave(book, book.cases[before], incident.id)\n",
        "        pass\n",
        "life",
    ),
    Mutant(
        "the port of an alert that was not read stays reserved",
        "bot/domain/book_life.py",
        "            del book.reservations[port.key]\n    dispatch",
        "            pass\n    dispatch",
        "life",
    ),
    Mutant(
        "who hangs on two ports gets two",
        "bot/steps/gate.py",
        "                phones.add(key)\n",
        "",
        "life",
    ),
    Mutant(
        "that it is back is told though it is down again",
        "bot/steps/send.py",
        "            on = book.cases[root].ended_at is None\n",
        "            on = False\n",
        "life",
    ),
    Mutant(
        "down again, and nobody remembers who was told",
        "bot/domain/book_life.py",
        "        reopen(book, case)\n    elif",
        "        case.dispatches = []\n        reopen(book, case)\n    elif",
        "life",
    ),
    Mutant(
        "ports that were left out are sent to",
        "bot/domain/case.py",
        "        here = [member for member in self.members.values() if member.incident.port.key in keys]\n        on",
        "        here = list(self.members.values())\n        on",
        "life",
    ),
    Mutant(
        "one ONU online is enough to be told that it is back",
        "bot/steps/restore.py",
        "if found == {Link.ONLINE}:",
        "if Link.ONLINE in found:",
        "life",
    ),
    Mutant(
        "who is offline after a crash hears that it is back",
        "bot/steps/restore.py",
        "for r in again if r.skip is not None]",
        "for r in again if r.skip is None and not over]",
        "life",
    ),
    Mutant(
        "one poll ends an outage",
        "bot/flow/polling.py",
        "        polls = self._rules.close_polls\n",
        "        polls = 1\n",
        "life",
    ),
    Mutant(
        "that it is back is told in the night",
        "bot/steps/restore.py",
        "        until, due = closed_until(rules, now), None\n",
        "        until, due = rules.customer_hours and None, None\n",
        "life",
    ),
    Mutant(
        "that it is back is told the day after",
        "bot/steps/restore.py",
        "    if now - case.ended_at > RESTORED_WITHIN:\n",
        "    if now < case.ended_at:\n",
        "life",
    ),
    Mutant(
        "what a person stopped is told again by itself",
        "bot/steps/restore.py",
        "    return last.ended_by is not None or not again",
        "    return not again",
        "life",
    ),
)
