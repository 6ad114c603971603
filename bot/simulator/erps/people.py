"""What an ERP knows of each customer of a ``World`` beside a name and phones: the same each time."""

import random
from dataclasses import dataclass
from typing import Literal

from bot.simulator.world import Customer, Onu, World

Standing = Literal["active", "blocked", "cancelled"]
DISTRICTS = ("Jardim América", "Centro", "Setor Bueno", "Vila Nova", "Parque Amazônia", "Jardim Goiás")
CITY = "Goiânia"


@dataclass
class Account:
    """A customer's contract; its ids are of three kinds, and equal numbers mean nothing."""

    customer: Customer
    contract: int
    login: int
    standing: Standing = "active"
    district: str = ""


class People:
    """The accounts by ONU serial.

    Args:
        blocked, cancelled: Shares of the customers who are that, at random (by ``seed``), the same each time.
    """

    def __init__(self, world: World, seed: int = 0, blocked: float = 0.0, cancelled: float = 0.0) -> None:
        self.world = world
        self.standings: dict[int, Standing] = {}
        self._draws: dict[int, tuple[float, int]] = {}
        self._seed, self._blocked, self._cancelled = seed, blocked, cancelled

    def of(self, onu: Onu) -> Account | None:
        """Whose ONU it is; None where the ISP has no record of it."""
        customer = self.world.customers.get(onu.client_id or 0)
        if customer is None:
            return None
        drawn, place = self._drawn(customer.id)
        standing: Standing = "active"
        if drawn < self._blocked:
            standing = "blocked"
        elif drawn < self._blocked + self._cancelled:
            standing = "cancelled"
        standing = self.standings.get(customer.id, standing)
        # A contract's number is that of some other customer, and a login's, too: so it is in life.
        district = DISTRICTS[min(place, 5) if onu.pon % 2 else onu.slot % 6]
        return Account(customer, customer.id + 1, customer.id + 2, standing, district)

    def _drawn(self, customer: int) -> tuple[float, int]:
        if customer not in self._draws:
            chance = random.Random(f"{self._seed} {customer}")
            self._draws[customer] = chance.random(), chance.randrange(8)
        return self._draws[customer]
