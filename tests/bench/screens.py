"""Browsers that keep the panel's page, in a process of their own: the simulators would be slow beside them.

`python -m tests.bench.screens PORT COOKIE ...`: two screens a cookie. A line `ready` once all have the page;
then the numbers of the decided cases on stdin, as JSON, and back when each screen first had each, and how
many bytes came to all screens.
"""

import asyncio
import json
import sys
import time
from contextlib import suppress
from dataclasses import dataclass, field

import httpx

from tests.bench.children import PATIENCE

OF_A_COOKIE = 2
AGAIN = 1.0  # seconds: fifty at one time are more than the port takes


@dataclass
class Screen:
    """When each case was first seen to have an owner, by the monotonic clock, which is one for all here."""

    owned: dict[int, float] = field(default_factory=dict)
    size: int = 0
    ready: asyncio.Event = field(default_factory=asyncio.Event)

    async def watch(self, http: httpx.AsyncClient, cookie: str) -> None:
        """Until it is cancelled; whoever is turned away comes again, as a browser does."""
        while True:
            with suppress(httpx.TransportError):
                await self._once(http, cookie)
            await asyncio.sleep(AGAIN)

    async def _once(self, http: httpx.AsyncClient, cookie: str) -> None:
        async with http.stream("GET", "/panel/events", headers={"Cookie": cookie}) as answer:
            async for line in answer.aiter_lines():
                self.size += len(line)
                if not line.startswith("data: "):
                    continue
                self.ready.set()
                for number, html in json.loads(line[6:]).get("rows", {}).items():
                    if "Com <b>Ana</b>" in html:
                        self.owned.setdefault(int(number), time.monotonic())


async def _main(port: str, cookies: list[str]) -> None:
    screens = [Screen() for _ in range(OF_A_COOKIE * len(cookies))]
    base = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base, trust_env=False, timeout=PATIENCE) as http:
        of = zip(screens, cookies * OF_A_COOKIE, strict=True)
        tasks = [asyncio.create_task(screen.watch(http, cookie)) for screen, cookie in of]
        async with asyncio.timeout(PATIENCE):
            for screen in screens:
                await screen.ready.wait()
        print("ready", flush=True)
        decided = set(json.loads(await asyncio.to_thread(sys.stdin.readline)))
        async with asyncio.timeout(PATIENCE):
            while not all(screen.owned.keys() >= decided for screen in screens):  # noqa: ASYNC110 - see `until`
                await asyncio.sleep(0.01)
        print(json.dumps([[screen.owned for screen in screens], sum(screen.size for screen in screens)]))
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], sys.argv[2:]))
