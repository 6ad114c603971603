"""What the page's buttons do to the pretend ISP; a button without a port picks one that is well."""

import asyncio
import random
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any

from bot.simulator.stage.isp import BIG_OLT
from bot.simulator.stage.stage import LANGUAGES, Stage
from bot.simulator.stage.views import PortView

CABLE_PONS, DISTRICT_PORTS = 12, 3
FIBRE_ONUS = 17  # from here on the bot calls it a fibre, below a CTO
STORM_PORTS = 60
FLAPS, FLAP_SECONDS = 4, 6.0  # slow enough that two polls see each

Given = Mapping[str, Any]


class Impossible(Exception):
    """What was asked cannot be done: a line for people, and a code that the page has words for."""

    def __init__(self, line: str, code: str = "bad") -> None:
        super().__init__(line)
        self.line, self.code = line, code


class Actions:
    """The actions by name; ``do`` answers with what was hit, once it has begun."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._random = random.Random(stage.chat.group)
        self._working: set[asyncio.Task[None]] = set()
        self._by_name: dict[str, Callable[[Given], Awaitable[list[PortView]]]] = {
            "cut": self._cut,
            "power": self._power,
            "cable": self._cable,
            "storm": self._storm,
            "district": self._district,
            "flap": self._flap,
            "repair": self._repair,
            "repair_all": self._repair_all,
            "token": self._token,
            "gateway": self._gateway,
            "phones": self._phones,
            "stop": self._stop,
            "telegram": self._telegram,
            "bot": self._bot,
            "language": self._language,
        }

    async def do(self, action: str, given: Given) -> dict[str, Any]:
        """Does it; the ports it hit as [OLT, slot/PON].

        Raises:
            Impossible: Unknown action or port, a wrong value, or nothing is left to break.
        """
        if action not in self._by_name:
            raise Impossible(f"unknown action: use one of {', '.join(self._by_name)}")
        ports = await self._by_name[action](given)
        return {"ports": [[port.olt, port.slot_pon] for port in ports]}

    async def stop(self) -> None:
        """No port flaps any more, and the bot changes no language."""
        for task in self._working:
            task.cancel()
        await asyncio.gather(*self._working, return_exceptions=True)

    async def _cut(self, given: Given) -> list[PortView]:
        port = self._port(given)
        await self._stage.cut(port.olt, port.slot_pon)
        return [port]

    async def _power(self, given: Given) -> list[PortView]:
        port = self._port(given)
        await self._stage.power([(port.olt, port.slot_pon)])
        return [port]

    async def _cable(self, _: Given) -> list[PortView]:
        ports = self._neighbours(CABLE_PONS)
        await self._stage.cut_all([(port.olt, port.slot_pon) for port in ports])
        return ports

    async def _storm(self, _: Given) -> list[PortView]:
        well = [port for port in self._stage.ports() if port.olt == BIG_OLT and port.state == "ok"]
        if not well:
            raise Impossible("nothing is left to break", "none_left")
        await self._stage.cut_all([(port.olt, port.slot_pon) for port in well[:STORM_PORTS]])
        return well[:STORM_PORTS]

    async def _district(self, _: Given) -> list[PortView]:
        ports = self._neighbours(DISTRICT_PORTS)
        await self._stage.power([(port.olt, port.slot_pon) for port in ports])
        return ports

    async def _flap(self, given: Given) -> list[PortView]:
        port = self._port(given)
        self._beside(self._stage.flap(port.olt, port.slot_pon, FLAPS, FLAP_SECONDS))
        return [port]

    async def _repair(self, given: Given) -> list[PortView]:
        port = self._port(given)
        await self._stage.repair(port.olt, port.slot_pon)
        return [port]

    async def _repair_all(self, _: Given) -> list[PortView]:
        await self._stage.repair_all()
        return []

    async def _token(self, _: Given) -> list[PortView]:
        self._stage.kill_token()
        return []

    async def _gateway(self, given: Given) -> list[PortView]:
        mode = given.get("mode")
        match mode:
            case "ok" | "slow" | "refuses" | "throttles" | "loses" | "down":
                self._stage.gateway_mode = mode
            case _:
                raise Impossible("mode must be ok, slow, refuses, throttles, loses or down")
        return []

    async def _phones(self, given: Given) -> list[PortView]:
        mode = given.get("mode")
        match mode:
            case "on" | "unreachable" | "off":
                self._stage.phones_mode = mode
            case _:
                raise Impossible("mode must be on, unreachable or off")
        return []

    async def _stop(self, given: Given) -> list[PortView]:
        number = given.get("message")
        if type(number) is not int:
            raise Impossible("message must be a number")
        try:
            self._stage.stop_messages(number)
        except LookupError as error:
            raise Impossible(str(error)) from None
        return []

    async def _telegram(self, given: Given) -> list[PortView]:
        await self._stage.telegram_away(_switch(given, "away"))
        return []

    async def _bot(self, given: Given) -> list[PortView]:
        await (self._stage.start_bot() if _switch(given, "run") else self._stage.kill_bot())
        return []

    async def _language(self, given: Given) -> list[PortView]:
        """The bot starts again for it, so nobody waits: the page shows how the bot is."""
        lang = given.get("lang")
        if lang not in LANGUAGES:
            raise Impossible("lang must be pt or en")
        self._beside(self._stage.speak(lang))
        return []

    def _beside(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._working.add(task)
        task.add_done_callback(self._working.discard)

    def _port(self, given: Given) -> PortView:
        """The port that was named, or one that is well."""
        ports = self._stage.ports()
        olt, slot_pon = given.get("olt"), given.get("port")
        if olt is not None or slot_pon is not None:
            for port in ports:
                if (port.olt, port.slot_pon) == (olt, slot_pon):
                    return port
            raise Impossible("there is no such port")
        well = [port for port in ports if port.state == "ok"]
        if not well:
            raise Impossible("nothing is left to break", "none_left")
        return self._random.choice([port for port in well if port.onus >= FIBRE_ONUS] or well)

    def _neighbours(self, most: int) -> list[PortView]:
        """Up to so many ports of one slot that are well, from the slot where the most are."""
        slots: dict[tuple[str, int], list[PortView]] = defaultdict(list)
        for port in self._stage.ports():
            if port.state == "ok":
                slots[port.olt, port.slot].append(port)
        if not slots:
            raise Impossible("nothing is left to break", "none_left")
        longest = max(min(most, len(ports)) for ports in slots.values())
        return self._random.choice([ports for ports in slots.values() if len(ports) >= longest])[:most]


def _switch(given: Given, name: str) -> bool:
    value = given.get(name)
    if not isinstance(value, bool):
        raise Impossible(f"{name} must be true or false")
    return value
