"""Deliberately broken copies of the code, each with the attack that has to catch it."""

from pathlib import Path
from typing import NamedTuple

from tests.faults.broken import broken

ROOT = Path(__file__).parents[2]


class Mutant(NamedTuple):
    """What is broken, and the `attack` that must notice.

    `place` is a module and a class, function or constant in it; `old`, an expression or some statements that
    stand there once, becomes `new`. Both are read as Python reads them: a line break, a comment or a move
    within the module costs nothing.
    """

    name: str
    place: str
    old: str
    new: str
    attack: str

    @property
    def file(self) -> str:
        """The module's file, from the top of the checkout."""
        module = self.place.partition(":")[0]
        folder = Path(*module.split("."))
        return str(folder / "__init__.py" if (ROOT / folder).is_dir() else folder.with_suffix(".py"))

    def applied(self, source: str) -> str:
        """The module's source with the one thing broken; NotOnce where it is not there, once."""
        return broken(source, self.place.partition(":")[2], self.old, self.new)


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
        "bot.storage.segments:Segments.append",
        "self._disk.fdatasync(self._descriptor)",
        "",
        "disk",
    ),
    Mutant(
        "the waiters wake before the write",
        "bot.storage.files:FileLedger._write_group",
        "self._writing = True",
        (
            "self._writing = True\n"
            "for entry in group:\n"
            "    if entry.waiter is not None and not entry.waiter.done():\n"
            "        entry.waiter.set_result(None)"
        ),
        "disk",
    ),
    Mutant(
        "a new segment's folder is not synced",
        "bot.storage.segments:Segments.switch_to",
        "self._disk.sync_folder(self._folder)",
        "pass",
        "disk",
    ),
    Mutant(
        "it writes on after a failed write",
        "bot.storage.files:FileLedger._fail",
        "self._stop(why)",
        "",
        "disk",
    ),
    Mutant(
        "the request leaves before its intent is durable",
        "bot.steps.send:Sender._claim",
        "lines = await self.ledger.commit(claim(job.case, job.attempt, recipient.id, self.rules))",
        (
            "rule = claim(job.case, job.attempt, recipient.id, self.rules)\n"
            "lines = rule(self.ledger.book, self.clock.now())\n"
            "self.ledger.note(lines[0])"
        ),
        "disk",
    ),
    Mutant(
        "no intent is written",
        "bot.steps.send:Sender._claim",
        "lines = await self.ledger.commit(claim(job.case, job.attempt, recipient.id, self.rules))",
        (
            "rule = claim(job.case, job.attempt, recipient.id, self.rules)\n"
            "lines = rule(self.ledger.book, self.clock.now())"
        ),
        "disk",
    ),
    Mutant(
        "the torn tail is not cut",
        "bot.storage.replay:cut",
        "disk.truncate(descriptor, end)",
        "",
        "disk",
    ),
    Mutant(
        "the torn tail is cut before its copy is durable",
        "bot.storage.replay:quarantine",
        "disk.replace(kept, disk.part(path, end, size - end))\ncut(disk, path, end)",
        "torn = disk.part(path, end, size - end)\ncut(disk, path, end)\ndisk.replace(kept, torn)",
        "disk",
    ),
    Mutant(
        "a torn last group is taken for corruption",
        "bot.storage.replay:_later",
        "found.head.group + 1",
        "found.head.group",
        "disk",
    ),
    Mutant(
        "what a killed process left is not synced at the start",
        "bot.storage.files:FileLedger._replayed",
        "make_durable(disk, folder, found)",
        "",
        "disk",
    ),
    Mutant(
        "the cooldown is checked but not reserved",
        "bot.domain.events.approvals:Approved.apply",
        "reserve(book, case)",
        "",
        "disk",
    ),
    Mutant(
        "an unknown one is sent again after a start",
        "bot.domain.events.sends:interrupt",
        'progress.results[recipient] = Receipt(Outcome.UNKNOWN, reason="interrupted")',
        "progress.intents.pop(recipient)",
        "disk",
    ),
    Mutant(
        "a stop is forgotten at the next start",
        "bot.domain.events.sends:interrupt",
        "dispatch.phase is Phase.STOPPING",
        "False",
        "rules",
    ),
    Mutant(
        "two months in one segment",
        "bot.storage.files:FileLedger._take",
        "sum(segment_name(entry.at) == month for entry in self._pending)",
        "len(self._pending)",
        "disk.month_ends",
    ),
    Mutant(
        "the lock is released early",
        "bot.storage.files:FileLedger.open",
        "return cls._replayed(folder, clock, disk, release)",
        "release()\nreturn cls._replayed(folder, clock, disk, release)",
        "disk",
    ),
    Mutant(
        "a reset counts as never sent",
        "bot.upstream:_PROVES",
        '(aiohttp.ClientConnectionError, AnswerLost, "reset")',
        '(aiohttp.ClientConnectionError, TryLater, "reset")',
        "network",
    ),
    Mutant(
        "a lost half of an answer counts as never sent",
        "bot.upstream:_PROVES",
        '(aiohttp.ClientPayloadError, AnswerLost, "half_answer")',
        '(aiohttp.ClientPayloadError, TryLater, "half_answer")',
        "network",
    ),
    Mutant(
        "a read timeout counts as never sent",
        "bot.upstream:_PROVES",
        '(TimeoutError, AnswerLost, "no_answer")',
        '(TimeoutError, TryLater, "no_answer")',
        "network",
    ),
    Mutant(
        "the total limit counts as never sent",
        "bot.upstream:_exchange",
        "AnswerLost",
        "TryLater",
        "network",
    ),
    Mutant(
        "5xx counts as never sent",
        "bot.upstream:_raise_for_the_server",
        "AnswerLost",
        "TryLater",
        "network",
    ),
    Mutant(
        "429 counts as unknown",
        "bot.upstream:_raise_for_the_server",
        'Throttled("throttled", retry_after(response.headers))',
        'AnswerLost("throttled")',
        "network",
    ),
    Mutant(
        "a refused connection counts as unknown",
        "bot.upstream:_PROVES",
        '(aiohttp.ClientConnectorError, TryLater, "refused")',
        '(aiohttp.ClientConnectorError, AnswerLost, "refused")',
        "network",
    ),
    Mutant(
        "the date in Retry-After is not read",
        "bot.upstream:retry_after",
        "max(0.0, wait.total_seconds())",
        "None if wait else 0.0",
        "network",
    ),
    Mutant(
        "Retry-After holds back one worker only",
        "bot.steps.send:Sender._persist",
        "self.limiter.pause(pause)",
        "pass",
        "network",
    ),
    Mutant(
        "the pace does not halve at a 429",
        "bot.gateways.tempo:Tempo.answered",
        "if throttled:\n    self._halve(now)\n    return",
        "if throttled:\n    return",
        "network",
    ),
    Mutant(
        "the pace does not hear of a 429",
        "bot.steps.send:Sender._timed",
        "telling = throttled = True",
        "telling = True",
        "network",
    ),
    Mutant(
        "an unreadable 2xx counts as refused",
        "bot.gateways.matrix.answers:receipt",
        "Outcome.UNCONFIRMED",
        "Outcome.REJECTED",
        "network",
    ),
    Mutant(
        "HTTP 200 counts as success, whatever it says",
        "bot.gateways.matrix.answers:receipt",
        "(status // 100, code)",
        '(status // 100, code and "0")',
        "network",
    ),
    Mutant(
        "a refused key stops nothing",
        "bot.steps.send:Sender._work",
        'job.stop(receipt.reason or "refused", receipt.halt)',
        "pass",
        "network",
    ),
    Mutant(
        "a refused key is held against the customer",
        "bot.steps.send:Sender._work",
        "receipt.halt is not None and receipt.outcome is Outcome.REJECTED",
        "False",
        "network",
    ),
    Mutant(
        "a refused template stops nothing",
        "bot.gateways.matrix.refusals:_ABOUT_ALL",
        "_TEMPLATE",
        'r"(?!)"',
        "network",
    ),
    Mutant(
        "one customer's refusal stops all",
        "bot.gateways.matrix.refusals:about_all",
        "pattern.fullmatch",
        "pattern.search",
        "network",
    ),
    Mutant(
        "what never left is not tried again",
        "bot.steps.send:Sender._persist",
        "self.rules.send_tries",
        "1",
        "network",
    ),
    Mutant(
        "the breaker never opens",
        "bot.domain.limits.retry:Breaker.open",
        "self.failures >= self.after",
        "False",
        "network",
    ),
    Mutant(
        "a send leaves before its intent is durable",
        "bot.steps.send:Sender._claim",
        "lines = await self.ledger.commit(claim(job.case, job.attempt, recipient.id, self.rules))",
        (
            "rule = claim(job.case, job.attempt, recipient.id, self.rules)\n"
            "lines = rule(self.ledger.book, self.clock.now())\n"
            "self.ledger.note(lines[0])"
        ),
        "process",
    ),
    Mutant(
        "a kill makes an unknown one a new one",
        "bot.domain.events.sends:interrupt",
        'progress.results[recipient] = Receipt(Outcome.UNKNOWN, reason="interrupted")',
        "progress.intents.pop(recipient)",
        "process",
    ),
    Mutant(
        "a start interrupts nothing",
        "bot.domain.events.program:Started.apply",
        "interrupt(book, case)",
        "pass",
        "process",
    ),
    Mutant(
        "a line that could not be written closes nothing",
        "bot.storage.files:FileLedger._fail",
        "self._stop(why)",
        "",
        "process",
    ),
    Mutant(
        "the stop cuts off what is in flight",
        "bot.process.app:IN_FLIGHT",
        "35.0",
        "0.0",
        "stops",
    ),
    Mutant(
        "the stop lets the dispatch go on",
        "bot.process.app:App._stop",
        "self._flow.drain()",
        "",
        "stops",
    ),
    Mutant(
        "the stop is not written",
        "bot.process.app:App._stop",
        "not cut_off",
        "cut_off",
        "stops",
    ),
    Mutant(
        "the second SIGTERM kills",
        "bot.process.app:serve",
        "loop.add_signal_handler(name, stop.set)",
        (
            "heard = (stop.set, lambda name=name: loop.remove_signal_handler(name))\n"
            "loop.add_signal_handler(name, lambda heard=heard: [step() for step in heard])"
        ),
        "stops",
    ),
    Mutant(
        "the checksum of a line is not looked at",
        "bot.storage.codec:unseal",
        "crc32(raw[:-_CRC_FIELD]) != int(tail[2], 16)",
        "False",
        "files",
    ),
    Mutant(
        "the chain from line to line is not looked at",
        "bot.storage.replay:_check_place",
        "entry.prev != tail.digest",
        "False",
        "files",
    ),
    Mutant(
        "the sequence of lines is not looked at",
        "bot.storage.replay:_check_place",
        "entry.seq != seq",
        "False",
        "files",
    ),
    Mutant(
        "the number of lines of a group is not looked at",
        "bot.storage.replay:_check_place",
        "last is not None and entry.left != last.left - 1",
        "False",
        "files",
    ),
    Mutant(
        "the times of lines are not looked at",
        "bot.storage.replay:_check_place",
        "entry.at < (_floor(last) if last else head.at)",
        "False",
        "files",
    ),
    Mutant(
        "half a group counts",
        "bot.storage.replay:_segment",
        "entry.left == 0",
        "True",
        "files",
    ),
    Mutant(
        "a bad line is skipped",
        "bot.storage.replay:_segment",
        (
            "fault = Fault.CORRUPT if error.intact else Fault.TORN\n"
            "return Trouble(fault, name, number, offset, str(error))"
        ),
        "del error",
        "files",
    ),
    Mutant(
        "damage with later groups behind it is a torn tail",
        "bot.storage.replay:_judged",
        "Fault.CORRUPT if later or packed else trouble.fault",
        "trouble.fault",
        "files",
    ),
    Mutant(
        "an intact line that does not fit is a torn tail",
        "bot.storage.replay:_segment",
        "Fault.CORRUPT if error.intact else Fault.TORN",
        "Fault.TORN",
        "files",
    ),
    Mutant(
        "only an intact line is a trace of a later group",
        "bot.storage.replay:_later",
        "seen |= codec.groups_in(data)",
        (
            'whole = map(codec.group_of, data.split(b"\\n"))\n'
            "seen |= {number for number in whole if number is not None}"
        ),
        "files",
    ),
    Mutant(
        "a checkpoint is taken whatever stands at its line",
        "bot.storage.checkpoint:_changed",
        "codec.digest(last[:-1]) == mark.digest",
        "True",
        "checkpoint",
    ),
    Mutant(
        "what follows a checkpoint is not replayed",
        "bot.storage.checkpoint:resumed",
        "found = scan(disk, folder, wanted, start=start, upto=upto)\nbreak",
        "found = start\nbreak",
        "checkpoint",
    ),
    Mutant(
        "the size of a sealed month is not looked at",
        "bot.storage.checkpoint:_changed",
        "size < mark.end or (sealed and size > mark.end)",
        "False",
        "checkpoint",
    ),
    Mutant(
        "a sealed month that is gone is not missed",
        "bot.storage.checkpoint:_misfit",
        "[name for name in segments_in(disk, folder) if name <= mine] != sorted(of.marks)",
        "False",
        "checkpoint",
    ),
    Mutant(
        "a checkpoint of another version is taken",
        "bot.storage.checkpoint:_said",
        '(said["format"], said["fold"]) != (_FORMAT, snapshot.FOLD)',
        "False",
        "checkpoint",
    ),
    Mutant(
        "a checkpoint that is not what was written is taken",
        "bot.storage.checkpoint:_unpacked",
        "last != _last(found.hexdigest())",
        "False",
        "checkpoint",
    ),
    Mutant(
        "a book's times are left out of a checkpoint",
        "bot.storage.snapshot:dump",
        "yield b'{\"%b\":%b}' % (name.encode(), adapter.dump_json(part, exclude_defaults=name == 'cases'))",
        "yield b'{\"%b\":%b}' % (name.encode(), b'{}' if name == 'spells' else adapter.dump_json(part, exclude_defaults=name == 'cases'))",
        "rules",
    ),
    Mutant(
        "a checkpoint is of lines that are not durable",
        "bot.storage.checkpoint:renew",
        "resumed(disk, folder, upto=upto)",
        "resumed(disk, folder)",
        "checkpoint",
    ),
    Mutant(
        "a torn tail is cut and not kept",
        "bot.storage.replay:quarantine",
        "disk.replace(kept, disk.part(path, end, size - end))",
        "",
        "files",
    ),
    Mutant(
        "what a newer version added is dropped in silence",
        "bot.storage.codec:_ANY",
        '"forbid"',
        '"ignore"',
        "files",
    ),
    Mutant(
        "a damaged ledger decides",
        "bot.storage.recorder:Recorder._admit",
        "all(line.observed for line in lines)",
        "lines",
        "files",
    ),
    Mutant(
        "views that are there are believed",
        "bot.storage.kept:Views._replace",
        "self._disk.replace(self._folder / _AUDIT, page.whole(json.dumps(anchor).encode()))",
        (
            "if _AUDIT not in self._disk.names(self._folder):\n"
            "    self._disk.replace(self._folder / _AUDIT, page.whole(json.dumps(anchor).encode()))"
        ),
        "files",
    ),
    Mutant(
        "verify passes what a start does not",
        "bot.storage.commands.verify:Report.ok",
        "self.trouble is None or self.trouble.fault is Fault.INCOMPLETE",
        "True",
        "files",
    ),
    Mutant(
        "verify takes lines of any group for one",
        "bot.storage.chain:_Chain.take",
        "end.left and left != end.left - 1",
        "False",
        "files",
    ),
    Mutant(
        "repair cuts a damaged ledger at its first bad line",
        "bot.storage.commands.mending:_cut_as_a_start_does",
        "found.trouble is None or found.trouble.fault is Fault.CORRUPT",
        "found.trouble is None",
        "files",
    ),
    Mutant(
        "repair drops damaged lines at the end as garbage",
        "bot.storage.commands.mending:_every_line_kept",
        "tried.trouble is None and ends and kept and max(traces) <= last",
        "tried.trouble is None and ends and kept and max(traces) and last",
        "files",
    ),
    Mutant(
        "repair writes without a check that the result is whole",
        "bot.storage.commands.mending:_every_line_kept",
        (
            "if tried.trouble is None and ends and kept and max(traces) <= last:\n"
            "    return Mending(held, mended, tried.head.seq, tried.head.group)"
        ),
        "if ends and kept is not None and last is not None:\n"
        "    return Mending(held, mended, max(ends), max(traces))",
        "files",
    ),
    Mutant(
        "repair keeps no copy",
        "bot.storage.commands.repair:_copied",
        "disk.replace_with(copy, disk.pieces(file, 0, disk.length(file)))\none.read_from(disk, copy)",
        "",
        "files",
    ),
    Mutant(
        "a second instance may start",
        "bot.storage.disk:Disk.lock",
        "lock.acquire()",
        "",
        "folder",
    ),
    Mutant(
        "what the night finds closes nothing",
        "bot.process.nightly:Nightly._differs",
        "self._ledger.shut(wrong)",
        "",
        "folder",
    ),
    Mutant(
        "a start forgets what the night found",
        "bot.process.nightly:Nightly._differs",
        "await asyncio.to_thread(forget, Disk(), self._folder)",
        "",
        "folder",
    ),
    Mutant(
        "a backup starts without asking",
        "bot.storage.files:FileLedger._replayed",
        "None if mark is None else mark.doubt",
        "None",
        "folder",
    ),
    Mutant(
        "a backup asks once, whether the line that says so is durable or not",
        "bot.storage.copied:found",
        "return mark",
        "taken_off(disk, folder)\nreturn mark",
        "folder",
    ),
    Mutant(
        "half a backup is taken for a whole one",
        "bot.storage.copied:found",
        "mark.whole is not True",
        "False",
        "folder",
    ),
    Mutant(
        "a torn checkpoint of a later line shows nothing",
        "bot.storage.checkpoint:resumed",
        "newest(disk, folder) > found.head.seq",
        "False",
        "folder",
    ),
    Mutant(
        "what was put aside is no sign of a ledger",
        "bot.storage.replay:what_is_left",
        "disk.names(ledger / SHELF)",
        "None",
        "folder",
    ),
    Mutant(
        "an emptied ledger with views is a new one",
        "bot.storage.replay:what_is_left",
        "VIEWS.intersection(disk.names(folder))",
        "set()",
        "folder",
    ),
    Mutant(
        "the cooldown of a port is checked but not reserved",
        "bot.domain.claims:reserve",
        "book.reservations[port.key] = Reservation(port, book.last_at, case.id, dispatch.by)",
        "pass",
        "orders",
    ),
    Mutant(
        "what was in flight at a crash is to do again",
        "bot.domain.events.sends:interrupt",
        'progress.results[recipient] = Receipt(Outcome.UNKNOWN, reason="interrupted")',
        "progress.intents.pop(recipient)",
        "orders",
    ),
    Mutant(
        "the reservation is given back before the end",
        "bot.domain.events.sends:Planned.apply",
        "dispatch.facts = self.facts",
        ("give_back(book, case)\ndispatch.facts = self.facts"),
        "walk",
    ),
    Mutant(
        "an old ledger need not be confirmed",
        "bot.steps.decide:check_confirmed",
        "book.unconfirmed is not None",
        "False",
        "walk",
    ),
    Mutant(
        "a worker does not hear a stop",
        "bot.steps.send:Sender._persist",
        "not job.halt.is_set()",
        "True",
        "orders",
    ),
    Mutant(
        "a resend does not wait for a late answer",
        "bot.steps.unknown:resend.write",
        "chosen.case in late",
        "False",
        "orders",
    ),
    Mutant(
        "one row of the gateway's list proves two sends",
        "bot.steps.unknown:_proofs",
        "doubt not in proofs and row.reference not in taken",
        "doubt not in proofs",
        "orders",
    ),
    Mutant(
        "resuming sends again what is unknown",
        "bot.domain.events.approvals:Resumed.apply",
        "receipt.outcome is Outcome.FAILED",
        "receipt.outcome in {Outcome.FAILED, Outcome.UNKNOWN}",
        "orders",
    ),
    Mutant(
        "an approval is cancelled in mid-send",
        "bot.steps.decide:cancel.write",
        "{CaseState.COUNTDOWN, CaseState.SCHEDULED}",
        "{CaseState.COUNTDOWN, CaseState.SCHEDULED, CaseState.SENDING}",
        "orders",
    ),
    Mutant(
        "whose send is unknown counts as not told",
        "bot.domain.events.sends:Result.apply",
        "receipt.outcome in IN_DOUBT",
        "receipt.outcome in IN_DOUBT and not drop_contact(book, case, self.recipient)",
        "orders",
    ),
    Mutant(
        "who is told through another port is not spared",
        "bot.steps.send:claim.write",
        "contact.case != number",
        "contact.case < 0",
        "orders",
    ),
    Mutant(
        "taking up again hides who told them meanwhile",
        "bot.domain.events.approvals:Resumed.apply",
        "dispatch.progress.take_up_again(failed)",
        (
            "dispatch.progress.take_up_again(failed)\n"
            "for id_ in failed:\n"
            "    from bot.domain.claims import add_contact\n"
            "    add_contact(book, case, dispatch.progress.recipients[id_])"
        ),
        "orders",
    ),
    Mutant(
        "a resumed dispatch does not see that the outage is over",
        "bot.steps.gate:spare.write",
        "todo = progress.todo() if progress is not None else []",
        "todo: list[Recipient] = []",
        "orders",
    ),
    Mutant(
        "a broken send leaves the others on their own",
        "bot.steps.send:Sender.send",
        "await asyncio.wait(working)",
        "",
        "orders",
    ),
    Mutant(
        "a resend that comes to nothing ends the doubt",
        "bot.domain.plan:Progress.back_in_doubt",
        "not before",
        "recipient",
        "orders",
    ),
    Mutant(
        "the claim of one send looks at no other",
        "bot.steps.send:claim.write",
        "recipient.skip is not None or tried",
        "recipient.skip is not None",
        "people",
    ),
    Mutant(
        "an approval does not ask whether somebody was first",
        "bot.steps.decide:approve.write",
        "case = undecided(book, number)\ncheck_runs(case, terms.runs)",
        "case = find(book, number)",
        "people",
    ),
    Mutant(
        "a plan is written though its approval was cancelled",
        "bot.steps.gate:gate.write",
        "not case.at_work(attempt, Phase.COUNTDOWN)",
        "case.id < 0",
        "people",
    ),
    Mutant(
        "a start draws no card again",
        "bot.flow.flow:Flow.start",
        "self._policy.show_all()",
        "",
        "people",
    ),
    Mutant(
        "now is the clock's, however far it was set back",
        "bot.storage.recorder:Recorder._now",
        "max(now, last)",
        "now",
        "time",
    ),
    Mutant(
        "a port opens a second early",
        "bot.domain.limits.cooldown:free_at",
        "now",
        "now + timedelta(seconds=1)",
        "time",
    ),
    Mutant(
        "an old ledger is trusted for an hour and a second",
        "bot.domain.events.program:SILENT",
        "timedelta(hours=1)",
        "timedelta(hours=1, seconds=1)",
        "time",
    ),
    Mutant(
        "times are told in UTC",
        "bot.chat.screens.words:Words.local",
        "at.astimezone(self._tz)",
        "at",
        "time",
    ),
    Mutant(
        "who was spared counts as told",
        "bot.domain.events.sends:Spared.apply",
        "drop_contact(book, case, self.recipient)",
        "pass",
        "orders",
    ),
    Mutant(
        "nothing writes that the program runs",
        "bot.process.app:App._schedule",
        '(("alive", self._alive, ALIVE), ("unknown", self._ask, ASK), ("receipts", self._ask_for_receipts, RECEIPTS), ("opted_out", self._ask_who_opted_out, OPT_OUTS))',
        '(("alive", self._alive, ALIVE), ("unknown", self._ask, ASK), ("receipts", self._ask_for_receipts, RECEIPTS), ("opted_out", self._ask_who_opted_out, OPT_OUTS))[1:]',
        "schedule",
    ),
    Mutant(
        "the gateway's list is never asked for",
        "bot.process.app:App._schedule",
        '(("alive", self._alive, ALIVE), ("unknown", self._ask, ASK), ("receipts", self._ask_for_receipts, RECEIPTS), ("opted_out", self._ask_who_opted_out, OPT_OUTS))',
        '(("alive", self._alive, ALIVE), ("unknown", self._ask, ASK), ("receipts", self._ask_for_receipts, RECEIPTS), ("opted_out", self._ask_who_opted_out, OPT_OUTS))[:1]',
        "schedule",
    ),
    Mutant(
        "nobody notices that the clock was set back",
        "bot.process.app:App._start",
        "self._watchdog = asyncio.create_task(self._watch_the_schedule())",
        "",
        "schedule",
    ),
    Mutant(
        "what is on its way is cancelled as if nothing had left",
        "bot.steps.decide:cancel.write",
        "{CaseState.COUNTDOWN, CaseState.SCHEDULED}",
        "{CaseState.COUNTDOWN, CaseState.SCHEDULED, CaseState.SENDING}",
        "people",
    ),
    Mutant(
        "a stop is not told to the dispatch",
        "bot.flow.policy:Policy._follow",
        "self._dispatcher.halt(line.case)",
        "",
        "people",
    ),
    Mutant(
        "denied although approved",
        "bot.steps.decide:deny.write",
        "undecided",
        "find",
        "people",
    ),
    Mutant(
        "approved although denied",
        "bot.steps.decide:check_undecided",
        "case.undecided",
        "case.undecided or case.state is CaseState.DENIED",
        "people",
    ),
    Mutant(
        "an outage that is over is sent to",
        "bot.steps.gate:customers_of",
        "over = found.affected.over or case.ended_at is not None",
        "over = False\n_as_known_now = lambda onus, case: [replace(onu, over=False) for onu in onus]",
        "people",
    ),
    Mutant(
        "sent again while a late answer may still come",
        "bot.steps.unknown:resend.write",
        "chosen.case in late",
        "False",
        "people",
    ),
    Mutant(
        "an old card decides like the new one",
        "bot.chat.taps.card_presses:CardPresses.check",
        "card is not None and card.message == message",
        "card is not None",
        "taps",
    ),
    Mutant(
        "the group that was left decides like the new one",
        "bot.chat.taps.presses:Presses._check_place",
        'if chat != self._d.chat.group:\n    raise Declined("wrong_chat")',
        "del chat",
        "taps",
    ),
    Mutant(
        "a tap is answered before it is decided",
        "bot.chat.taps.card_presses:CardPresses.press",
        "lines = await self._d.desk.decide(row.rule(self._tapped(press, who))) if row.rule else ()",
        (
            "if row.rule:\n"
            "    self._d.beside(self._d.desk.decide(row.rule(self._tapped(press, who))))\n"
            "lines = ()"
        ),
        "taps",
    ),
    Mutant(
        "whoever taps later approves again",
        "bot.steps.decide:approve.write",
        "case = undecided(book, number)\ncheck_runs(case, terms.runs)",
        "case = find(book, number)",
        "taps",
    ),
    Mutant(
        "room is not looked for before a plan",
        "bot.storage.files:FileLedger._check_room",
        'raise Declined("no_room")',
        "return",
        "process.full_disks",
    ),
    Mutant(
        "a short write is taken as a whole one",
        "bot.storage.segments:Segments._write_all",
        "self._disk.write(self._descriptor, data) != len(data)",
        "self._disk.write(self._descriptor, data) < 0",
        "process.full_disks",
    ),
    Mutant(
        "an error of a write is ignored",
        "bot.storage.segments:Segments.append",
        "raise",
        "return",
        "process.disk_read_only",
    ),
    Mutant(
        "an error of fdatasync is ignored",
        "bot.storage.segments:Segments.append",
        "self._disk.fdatasync(self._descriptor)",
        "with suppress(OSError):\n    self._disk.fdatasync(self._descriptor)",
        "disk",
    ),
    Mutant(
        "a folder that refuses is an empty one",
        "bot.storage.files:FileLedger.open",
        'disk.make_folder(folder)\nrelease = disk.lock(folder / "instance.lock")',
        (
            "try:\n"
            "    disk.make_folder(folder)\n"
            '    release = disk.lock(folder / "instance.lock")\n'
            "except Timeout:\n"
            "    raise\n"
            "except OSError as error:\n"
            "    from bot.storage.segments import Head\n"
            "\n"
            "    nothing, why = Segments(disk, folder, Head()), Recovery(0, corrupt=str(error))\n"
            "    return cls(folder, clock, book=Book(), recovery=why, segments=nothing, people=None, release=str)"
        ),
        "folder.read_only_folder",
    ),
    Mutant(
        "a start that is refused does not say why",
        "bot.storage.files:_unusable",
        'f"{folder} cannot be used ({error.strerror}): {mend}"',
        'f"{folder} cannot be used: {mend}"',
        "folder.others_folder",
    ),
    Mutant(
        "a result is noted for the one before",
        "bot.steps.send:Sender._record",
        "self._note(Result(job.case, recipient.id, receipt.outcome, receipt.reference, receipt.reason))",
        (
            "found = [*self.ledger.book.cases[job.case].dispatches[-1].progress.intents]\n"
            "last = found[max(0, found.index(recipient.id) - 1)]\n"
            "self._note(Result(job.case, last, receipt.outcome, receipt.reference, receipt.reason))"
        ),
        "soak",
    ),
    Mutant(
        "each group opens its file and none is closed",
        "bot.storage.segments:Segments.switch_to",
        "if self._name is not None and name <= self._name:\n    return\nself.close()",
        "",
        "soak",
    ),
    Mutant(
        "a replay passes over refusals",
        "bot.storage.replay:_take",
        "found.book.apply(entry.at, entry.line)",
        (
            'if not (entry.line.kind == "result" and entry.line.outcome.name == "REJECTED"):\n'
            "    found.book.apply(entry.at, entry.line)"
        ),
        "soak",
    ),
    Mutant(
        "a repeated send without an answer ends the doubt about the first",
        "bot.domain.events.sends:Result.apply",
        "receipt.outcome in ARRIVED",
        "receipt.outcome in ARRIVED or receipt.outcome in IN_DOUBT",
        "rules",
    ),
    Mutant(
        "who is spared a repeated send is no longer in doubt",
        "bot.domain.events.sends:Spared.apply",
        "not sends.back_in_doubt(self.recipient)",
        "sends",
        "rules",
    ),
    Mutant(
        "a repeated send that is given up ends the doubt about the first",
        "bot.domain.plan:Progress.close",
        "[r for r in self.todo() if not self.back_in_doubt(r.id)]",
        "self.todo()",
        "rules",
    ),
    Mutant(
        "a repeated send that fails ends the doubt about the first",
        "bot.domain.events.sends:Result._did_not_leave",
        "not sends.back_in_doubt(self.recipient)",
        "True",
        "rules",
    ),
    Mutant(
        "who may have a message counts as not told",
        "bot.domain.events.sends:Result.apply",
        "receipt.outcome in IN_DOUBT",
        "receipt.outcome in IN_DOUBT and not drop_contact(book, case, self.recipient)",
        "rules",
    ),
    Mutant(
        "a repeated send does not reserve its port",
        "bot.domain.events.sends:Resent.apply",
        "reserve(book, case, dispatch.ports_of(self.recipients))",
        "",
        "rules",
    ),
    Mutant(
        "a repeated send hides who told them meanwhile",
        "bot.domain.events.sends:Resent.apply",
        "dispatch.sends.take_up_again(self.recipients)",
        (
            "dispatch.sends.take_up_again(self.recipients)\n"
            "for id_ in self.recipients:\n"
            "    add_contact(book, case, dispatch.sends.recipients[id_])"
        ),
        "rules",
    ),
    Mutant(
        "a repeated send is not known to run",
        "bot.domain.events.sends:Resent.apply",
        "book.running.add(self.case)",
        "",
        "rules",
    ),
    Mutant(
        "the gateway's list decides about whom it was not asked",
        "bot.steps.unknown:evidence.write",
        "[doubt for doubt in asked if doubt in present]",
        "list(present)",
        "rules",
    ),
    Mutant(
        "the gateway's list decides about what was sent since",
        "bot.steps.unknown:evidence.write",
        "[doubt for doubt in asked if doubt in present]",
        "list(asked)",
        "rules",
    ),
    Mutant(
        "a claim has the time at which it is read",
        "bot.domain.events.sends:Intent.apply",
        "sends.intents[self.recipient] = at",
        "sends.intents[self.recipient] = datetime.now().astimezone()",
        "rules",
    ),
    Mutant(
        "the end frees the port though somebody was reached",
        "bot.domain.claims:give_back",
        "{port.key for port in dispatch.ports} - dispatch.ports_of(reached)",
        "{port.key for port in dispatch.ports}",
        "rules",
    ),
    Mutant(
        "a late answer replaces what is known",
        "bot.domain.events.sends:Result.apply",
        ("if known is not None and known.outcome is not Outcome.UNKNOWN:\n    return"),
        "",
        "orders",
    ),
    Mutant(
        "who is refused here counts as not told by the others",
        "bot.domain.claims:drop_contact",
        "key in book.contacts and book.contacts[key].case == case.id",
        "key in book.contacts",
        "rules",
    ),
    Mutant(
        "a dispatch that goes on does not reserve its port",
        "bot.domain.events.approvals:Resumed.apply",
        "reserve(book, case)",
        "",
        "rules",
    ),
    Mutant(
        "a hang-up on a kept connection counts as never sent",
        "bot.upstream:_PROVES",
        "aiohttp.ClientConnectorError",
        "(aiohttp.ClientConnectorError, aiohttp.ServerDisconnectedError)",
        "network",
    ),
    Mutant(
        "the library repeats a POST on a new connection",
        "bot.upstream:send",
        "response = await _exchange(http.post_json(url, json, headers or {}), total)",
        (
            "try:\n"
            "    response = await _exchange(http.post_json(url, json, headers or {}), total)\n"
            "except AnswerLost:\n"
            "    response = await _exchange(http.post_json(url, json, headers or {}), total)"
        ),
        "network.kept_connections",
    ),
    Mutant(
        "who was not surely warned hears that it is back",
        "bot.domain.case:Case.accepted",
        "r.id in sends.results and sends.results[r.id].outcome is Outcome.ACCEPTED and not sends.undelivered(r.id)",
        "r.id in sends.results",
        "life",
    ),
    Mutant(
        "that it is back is told as often as somebody taps",
        "bot.steps.restore:_companion",
        "if before is not None:\n    check_undecided(before)\ncheck_runs(before, terms.runs)",
        "if before is not None:\n    find(book, -number)",
        "life",
    ),
    Mutant(
        "a start leaves what tells that it is back as it was",
        "bot.domain.events.program:Started.apply",
        "case.dispatches[-1].phase is not Phase.SCHEDULED",
        "case.id > 0 and case.dispatches[-1].phase is not Phase.SCHEDULED",
        "life",
    ),
    Mutant(
        "what was scheduled is begun though it is over",
        "bot.steps.delay:begin_due.write",
        "is_over(book, case)",
        "case.id == 0",
        "life",
    ),
    Mutant(
        "what was scheduled is begun in the night after",
        "bot.steps.delay:begin_due.write",
        "closed_until(rules, now) is not None",
        "False",
        "life",
    ),
    Mutant(
        "what was scheduled is begun on an old ledger",
        "bot.steps.delay:begin_due.write",
        "book.unconfirmed is not None",
        "False",
        "life",
    ),
    Mutant(
        "a start interrupts what was scheduled",
        "bot.domain.events.program:Started.apply",
        "case.dispatches[-1].phase is not Phase.SCHEDULED",
        "case.dispatches[-1].phase is not Phase.FINISHED",
        "life",
    ),
    Mutant(
        "one person approves twice",
        "bot.steps.decide:approve.write",
        "proposal.by.id == who.id",
        "who.id == 0",
        "life",
    ),
    Mutant(
        "the first of two approvals never runs out",
        "bot.domain.case:Proposal.waits",
        "now - self.at <= SECOND_WITHIN",
        "self.at <= now",
        "life",
    ),
    Mutant(
        "the second of two is not asked about the hours",
        "bot.steps.decide:_with",
        "terms.hours",
        '"now"',
        "life",
    ),
    Mutant(
        "who approves alone may send to as many as there are",
        "bot.steps.gate:_check_size",
        "size.customers > rules.two_person_above",
        "size.customers < 0",
        "life",
    ),
    Mutant(
        "it goes on by itself after the hours",
        "bot.steps.decide:goes_on_until",
        "now < until and _may_be_now(dispatch, rules, now)",
        "now < until",
        "life",
    ),
    Mutant(
        "a late sibling joins a case that was decided on",
        "bot.steps.compose:_known",
        "not case.undecided or _proposed(case, now)",
        "False",
        "life",
    ),
    Mutant(
        "a late sibling joins a case that one of two approved",
        "bot.steps.compose:_known",
        "not case.undecided or _proposed(case, now)",
        "not case.undecided",
        "life",
    ),
    Mutant(
        "what is taken apart stays in both cases",
        "bot.domain.outages:take_in",
        "_leave(book, book.cases[before], incident.id)",
        "pass",
        "life",
    ),
    Mutant(
        "the port of an alert that was not read stays reserved",
        "bot.domain.claims:leave_out",
        "_free(book, case, [port.key for port in dispatch.ports if port.key not in read])",
        "pass",
        "life",
    ),
    Mutant(
        "who hangs on two ports gets two",
        "bot.steps.gate:skips_of",
        "people.add(customer.person)",
        "",
        "life",
    ),
    Mutant(
        "that it is back is told though it is down again",
        "bot.steps.send:claim.write",
        "book.cases[root].ended_at is None",
        "False",
        "life",
    ),
    Mutant(
        "down again, and nobody remembers who was told",
        "bot.domain.events.cases:IncidentJoined.apply",
        "reopen(book, case)",
        ("case.dispatches = []\nreopen(book, case)"),
        "life",
    ),
    Mutant(
        "ports that were left out are sent to",
        "bot.domain.case:Case.to_read",
        "[member for member in self.members.values() if member.incident.port.key in keys]",
        "list(self.members.values())",
        "life",
    ),
    Mutant(
        "one ONU online is enough to be told that it is back",
        "bot.steps.restore:_again.why_not",
        "found == {Link.ONLINE}",
        "Link.ONLINE in found",
        "life",
    ),
    Mutant(
        "who is offline after a crash hears that it is back",
        "bot.steps.restore:spare_down.write",
        "r.skip is not None",
        "r.skip is None and not over",
        "life",
    ),
    Mutant(
        "one poll ends an outage",
        "bot.flow.polling:Polling._make_sure",
        "self._rules.close_polls",
        "1",
        "life",
    ),
    Mutant(
        "that it is back is told in the night",
        "bot.steps.restore:restore.write",
        "closed_until(rules, now)",
        "rules.customer_hours and None",
        "life",
    ),
    Mutant(
        "that it is back is told the day after",
        "bot.steps.restore:_check_tellable",
        "now - case.ended_at > RESTORED_WITHIN",
        "now < case.ended_at",
        "life",
    ),
    Mutant(
        "what a person stopped is told again by itself",
        "bot.steps.restore:_tried",
        "last.ended_by is not None or not again",
        "not again",
        "life",
    ),
    Mutant(
        "who was told is forgotten after a day",
        "bot.domain.leaving:TOLD",
        "LONGEST_DAYS + 7",
        "1",
        "forget",
    ),
    Mutant(
        "a clock that jumps ahead makes everybody forgotten",
        "bot.domain.book:Book._pass_day",
        "[*self.days, self.last_at]",
        "[*self.days, *[self.last_at] * ((self.last_at - self.days[-1]).days if self.days else 1)]",
        "forget",
    ),
    Mutant(
        "one who shares a contact rests shorter",
        "bot.domain.leaving:share_contacts",
        "before.at < contact.at",
        "before.at > contact.at",
        "forget",
    ),
    Mutant(
        "a case with a send in doubt leaves the book",
        "bot.domain.book:Book._let_go",
        "going_on or any(leaving.doubted(one) for one in both)",
        "going_on",
        "forget",
    ),
    Mutant(
        "an interrupted dispatch leaves the book",
        "bot.domain.book:Book._let_go",
        "number in self.open or not self.running.isdisjoint(one.id for one in both)",
        "number in self.open",
        "forget",
    ),
    Mutant(
        "a case that is on leaves the book",
        "bot.domain.book:Book._let_go",
        "number in self.open or not self.running.isdisjoint(one.id for one in both)",
        "not self.running.isdisjoint(one.id for one in both)",
        "forget",
    ),
    Mutant(
        "a port that is being sent through is free after months",
        "bot.domain.book:Book._pass_day",
        "self.reservations[key].case not in self.running",
        "True",
        "forget",
    ),
    Mutant(
        "a record leaves before the audit that tells of it",
        "bot.domain.book:Book._let_go",
        "number not in self.entries",
        "True",
        "forget",
    ),
    Mutant(
        "a record forgets its counts",
        "bot.domain.plan:Progress.shorten",
        "self.kept = self.tally()",
        "self.kept = Tally(0, {}, {}, 0)",
        "forget",
    ),
    Mutant(
        "a late line corrupts the ledger",
        "bot.domain.book:Book.take",
        "number is not None and line.late and self._is_late(number, line)",
        "False",
        "forget",
    ),
    Mutant(
        "a send in doubt is not looked at",
        "bot.domain.claims:note_doubts",
        "dispatch.progress is not None and dispatch.progress.doubtful",
        "False",
        "forget",
    ),
    Mutant(
        "who knows of an outage that is still on is told again",
        "bot.domain.limits.holds:why_silent",
        "here and contact.at >= max((case.opened_at, *case.reopened))",
        "False",
        "forget",
    ),
    Mutant(
        "the original is removed before the packed one is durable",
        "bot.storage.sealed.packing:pack",
        "disk.replace_with(packed, parts, proof=partial(_proven, disk, path))",
        'data = b"".join(parts)\ndisk.remove(path)\ndisk.sync_folder(path.parent)\ndisk.replace(packed, data)',
        "packing",
    ),
    Mutant(
        "a packed month is not compared",
        "bot.storage.sealed.packing:pack",
        "partial(_proven, disk, path)",
        "None",
        "packing",
    ),
    Mutant(
        "of a month that is there twice the unpacked one goes, whatever it is",
        "bot.storage.sealed.packing:pack",
        "same(disk, path, packed)",
        "True",
        "packing",
    ),
    Mutant(
        "the month that is written is packed",
        "bot.storage.segments:to_pack",
        "segments_in(disk, folder)[:-1]",
        "segments_in(disk, folder)",
        "packing",
    ),
    Mutant(
        "a damaged packed month is a torn end",
        "bot.storage.replay:_judged",
        "later or packed",
        "later",
        "packing",
    ),
    Mutant(
        "a phone that is not theirs is written to",
        "bot.storage.people.store:People._put",
        "person.phone is None or self.key.person(person.phone) == one.person",
        "True",
        "personal",
    ),
    Mutant(
        "a damaged line of people counts",
        "bot.storage.people.months:read",
        'head is None or raw[-_CRC:] != b\',"crc":"%08x"}\' % crc32(raw[:-_CRC])',
        "head is None",
        "personal",
    ),
    Mutant(
        "a key that is gone is made anew",
        "bot.storage.people.key:key_of",
        "known is not None or used",
        "False",
        "personal",
    ),
    Mutant(
        "another ledger's key is taken",
        "bot.storage.people.key:key_of",
        "known is not None and key.id != known",
        "False",
        "personal",
    ),
    Mutant(
        "whose phone is not known is written to",
        "bot.steps.send:claim.write",
        "recipient.phone is None or recipient.person is None",
        "False",
        "personal",
    ),
    Mutant(
        "forgetting leaves an earlier phone",
        "bot.storage.commands.whose:Whose.by",
        "self.ever if person.phone is None else self.lately",
        "()",
        "personal",
    ),
    Mutant(
        "forgetting leaves a name once the month with its phone is gone",
        "bot.storage.commands.whose:Whose.by",
        "self.ever if person.phone is None else self.lately",
        "self.lately",
        "personal",
    ),
    Mutant(
        "forgetting leaves the name of their ONU",
        "bot.storage.commands.whose:Whose.by",
        "(listed.plan[0], listed.at, person.id) in self.onus",
        "False",
        "personal",
    ),
    Mutant(
        "what was forgotten is on no record",
        "bot.storage.commands.forget:forget",
        "await ledger.commit(lambda _book, _now: [line])",
        "",
        "personal",
    ),
    Mutant(
        "names and phones are written in the lines",
        "bot.storage.codec:fields",
        "_KIND if people or not isinstance(line, Planned) else _KIND_AND_PEOPLE",
        "_KIND",
        "personal",
    ),
    Mutant(
        "a start goes on with half an upgrade",
        "bot.storage.copied:found",
        "UPGRADING in disk.names(folder)",
        "False",
        "personal",
    ),
    Mutant(
        "an upgrade keeps nothing of what there was",
        "bot.storage.commands.upgrade:_change_places",
        "if name in disk.names(folder): disk.move(folder / name, kept / name)",
        "",
        "personal",
    ),
    Mutant(
        "who opted out between plan and send is written to",
        "bot.steps.send:claim.write",
        "recipient.person in book.opted_out",
        "False",
        "rules.opted_out",
    ),
    Mutant(
        "who opted out is in the plan",
        "bot.domain.limits.holds:why_silent.why",
        "person in book.opted_out",
        "False",
        "rules.opted_out",
    ),
    Mutant(
        "who opted out between plan and send is told that service is back",
        "bot.steps.send:claim.write",
        "recipient.person in book.opted_out",
        "root is None and recipient.person in book.opted_out",
        "forget.opted_out",
    ),
    Mutant(
        "who opted out is planned to hear that service is back",
        "bot.steps.restore:_again.why_not",
        "recipient.person in book.opted_out",
        "False",
        "forget.opted_out",
    ),
    Mutant(
        "a receipt that overtakes the answer is lost",
        "bot.steps.receipts:_judge",
        'return "wait"',
        'return "drop"',
        "receipts",
    ),
    Mutant(
        "of two messages to one customer one that failed counts",
        "bot.steps.receipts:_is_news",
        "known is None or known.outcome not in REACHED or recipient in sends.repeated",
        "known is None or known.outcome not in REACHED",
        "receipts",
    ),
    Mutant(
        "who did not get a message counts as surely warned",
        "bot.domain.case:Case.accepted",
        "r.id in sends.results and sends.results[r.id].outcome is Outcome.ACCEPTED and not sends.undelivered(r.id)",
        "r.id in sends.results and sends.results[r.id].outcome is Outcome.ACCEPTED",
        "receipts",
    ),
    Mutant(
        "the limit is not looked at at the claim",
        "bot.steps.send:_check_limit",
        "left_today(book, rules, now) == 0 and not daily.counts(book.written, person, now)",
        "False",
        "limit",
    ),
    Mutant(
        "the count does not survive a restart",
        "bot.domain.events.program:Started.apply",
        "book.doubt = self.doubt or book.doubt",
        "book.doubt = self.doubt or book.doubt; book.written.clear()",
        "limit",
    ),
    Mutant(
        "more leave than the button named",
        "bot.steps.send:_check_limit",
        "len(dispatch.sends.intents) >= dispatch.most",
        "False",
        "limit",
    ),
    Mutant(
        "a send that may have left is given back",
        "bot.domain.events.sends:Result.apply",
        "sends.results[self.recipient] = receipt; book.doubtful[self.case] = None",
        "sends.results[self.recipient] = receipt; book.doubtful[self.case] = None;"
        " take_back(book.written, sends.recipients[self.recipient].person, sends.intents.get(self.recipient))",
        "limit",
    ),
    Mutant(
        "a person counts for less than a day",
        "bot.domain.limits.daily:DAY",
        "timedelta(hours=24, minutes=5)",
        "timedelta(hours=23, minutes=55)",
        "limit",
    ),
    Mutant(
        "a look-up ahead that failed counts as no record",
        "bot.steps.enrich:Enricher.records_ahead.look_up",
        "contact = await self.directory.customer(client_id)",
        "try:\n    contact = await self.directory.customer(client_id)\n"
        "except (TryLater, AnswerLost):\n    contact = None",
        "ahead",
    ),
    Mutant(
        "a look-up that failed at the approval counts as no record",
        "bot.steps.enrich:Enricher.enrich",
        "failed.add(client_id)",
        "None",
        "ahead",
    ),
    Mutant(
        "what was looked up never grows old",
        "bot.domain.customer:Records.fresh",
        "now < self._known[client_id][0]",
        "True",
        "ahead",
    ),
    Mutant(
        "the number on a card knows of nobody who was told",
        "bot.steps.gate:would_leave",
        "why_silent(book, number, rules, now)",
        "lambda _: None",
        "ahead",
    ),
    Mutant(
        "what nobody waits for does not stand back",
        "bot.steps.enrich:Enricher._gently.behind",
        "await self.way.clear()",
        "",
        "ahead",
    ),
    Mutant(
        "the group reads a customer's whole phone",
        "bot.chat.screens.pages.customer:_Saying._phone",
        "not self._full",
        "False",
        "group",
    ),
    Mutant(
        "a phone in a name is shown to the group",
        "bot.chat.screens.pages.customer:_Saying._text",
        "text if self._full else last_four(text)",
        "text",
        "group",
    ),
    Mutant(
        "an ONU that is called by a phone is shown to the group",
        "bot.chat.screens.pages.customer:_Saying._serials",
        "last_four(serials) if secret and (not self._full) else serials",
        "serials",
        "group",
    ),
    Mutant(
        "a phone without its area code is shown to the group",
        "bot.chat.screens.pages.customer:_A_PHONE",
        "8",
        "12",
        "group",
    ),
    Mutant(
        "the list of who was not told has whole phones",
        "bot.chat.screens.pages.unreached:_row",
        "mask(one.phone)",
        "one.phone",
        "group",
    ),
    Mutant(
        "the answer to a command in the group is the one of a private chat",
        "bot.chat.taps.commands:Commands._customer",
        "chat == user",
        "True",
        "group",
    ),
    Mutant(
        "a customer chosen in the group is shown as in a private chat",
        "bot.chat.taps.browse:Browse.turn_customer",
        "page.chat == page.who.id",
        "True",
        "group",
    ),
    Mutant(
        "whoever is in the group asks about customers",
        "bot.chat.taps.commands:Commands._customer",
        "await self._d.access.check_approver(user)",
        "",
        "group",
    ),
)
