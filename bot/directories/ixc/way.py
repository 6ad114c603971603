"""How far one ONU has come on the way to its customer."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from bot.directories.ixc.rows import FIBRE, LOGIN, Row
from bot.domain.customer import NO_SERIAL, Onu
from bot.errors import BotError

SERIALS = ((FIBRE, "mac"), (LOGIN, "onu_mac"))
"""Where a serial may stand, the usual place first."""


@dataclass(slots=True, eq=False)
class Way:
    """The rows that were found, or why there is no telling. `at` is the table whose row names the serial."""

    onu: Onu
    fibre: Row = field(default_factory=dict)
    login: Row = field(default_factory=dict)
    contract: Row = field(default_factory=dict)
    customer_id: str = ""
    at: str = ""
    row: str = ""
    """The id of that row."""
    followed: bool = False
    """Whether it was asked where the row leads."""
    error: BotError | None = None

    @property
    def found(self) -> bool:
        """Whether there is something to follow."""
        return bool(self.fibre or self.customer_id)

    @property
    def open(self) -> bool:
        """Whether it is still to be found out whose it is."""
        return not self.found and self.error is None

    @property
    def goes_on(self) -> bool:
        """Whether there are rows to follow."""
        return bool(self.fibre) and self.error is None

    @property
    def may_have_moved(self) -> bool:
        """Whether a row of its serial led on, and another one may be newer."""
        return bool(self.row) and self.error is None

    @property
    def by_serial(self) -> bool:
        """Whether it can be asked for by serial."""
        return self.onu.serial != NO_SERIAL

    def take(self, table: str, row: Row) -> None:
        """A row that names its serial, if it leads anywhere."""
        if table == FIBRE and not ("id_login" in row or "id_contrato" in row):
            return
        self.fibre = row if table == FIBRE else {"id_login": row["id"]}
        self.at, self.row = table, row["id"]

    def judge_by(self, contract: Row) -> None:
        """A contract that a row names: it counts only if it is not somebody else's than the login."""
        if self.login.get("id_cliente", "") in {"", contract.get("id_cliente", "")}:
            self.contract = contract

    def begin_anew(self) -> None:
        """Another row holds than the one that was followed."""
        self.fibre, self.login, self.contract = {}, {}, {}
        self.customer_id = self.at = self.row = ""
        self.followed = False


def newest(rows: Sequence[Row]) -> Row | None:
    """Of several rows of one serial or login (after a swap) the one with the highest id holds, and it alone.

    Where it leads nowhere, the ones before it lead to who had the ONU before.
    """
    return max(rows, key=number, default=None)


def number(row: Row) -> int:
    """Its id, by which rows are newer or older."""
    return int(row["id"]) if row.get("id", "").isdecimal() else -1
