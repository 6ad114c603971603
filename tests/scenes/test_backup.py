"""`ledger backup` beside a bot that sends, and a bot that is started on what it made."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from bot.storage import copied
from bot.storage.disk import Disk
from tests.patience import PATIENCE
from tests.scenes.conftest import ROOT, Noc

pytestmark = pytest.mark.process


async def command(noc: Noc, *arguments: str) -> tuple[int | None, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "bot", "ledger", *arguments),
        cwd=noc.folder,
        env={
            "PATH": os.environ["PATH"],
            "PYTHONPATH": str(ROOT),
            "DATA_DIR": noc.variables["DATA_DIR"],
            "BOT_LANGUAGE": "en",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, (out + err).decode()


async def test_a_backup_of_the_middle_of_a_send_sends_nothing_until_somebody_confirms(noc: Noc) -> None:
    copy = noc.folder / "copy"
    noc.world.outage(8)
    await noc.spawn(HSM_CONCURRENCY="1", HSM_RATE="1")
    card = await noc.card()
    await noc.chat.tap(noc.ana, card, "Aprovar")
    await noc.chat.wait(lambda _: len(noc.hsm.received) >= 2)
    code, said = await command(noc, "backup", str(copy))
    assert (code, "verified" in said) == (0, True), said
    assert len(noc.hsm.received) < 8
    assert copied.unnamed(Disk(), Path(noc.variables["DATA_DIR"])) == []
    await noc.until(card, "8 enviadas")
    await noc.kill()
    assert (await command(noc, "verify", "--data", str(copy)))[0] == 0

    await noc.spawn(DATA_DIR=str(copy), HSM_CONCURRENCY="1")
    asked = await noc.chat.wait(
        lambda c: next((m for m in c.messages() if "O registro é um backup e termina" in m.text), None)
    )
    polls = len(noc.olt.requests)
    async with asyncio.timeout(PATIENCE):
        while len(noc.olt.requests) < polls + 4:  # noqa: ASYNC110 - nobody sets an event for it
            await asyncio.sleep(0.05)
    assert "um backup" in (await noc.ask(noc.ana, "/status")).text
    assert (noc.hsm.duplicates, len(noc.hsm.received)) == (0, 8)
    await noc.chat.tap(noc.ana, asked, "Confirmar")
    await noc.until(asked, "O que foi enviado depois disso o bot não sabe")
    await noc.chat.tap(noc.ana, asked, "Sim, pode enviar")
    await noc.until(asked, "Ana confirmou o registro")
