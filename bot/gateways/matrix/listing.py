"""Matrix's list of what it sent (`hsmEnviadas`, README.md of this folder): a day at a time, local time."""

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from bot.domain.delivery import Arrival
from bot.domain.plan import Sent
from bot.errors import BadAnswer, Refused
from bot.gateways.matrix.answers import error_code, identifier, reason
from bot.gateways.reasons import one_line

MOST_PAGES = 1000  # of a day: 100,000 rows
ARRIVALS = {
    "Entregue": Arrival.RECEIVED,
    "Lida": Arrival.READ,
    "Falha": Arrival.UNDELIVERED,
    "Erro": Arrival.UNDELIVERED,
}
"""What the words of the list mean, by README.md of this folder; any other says nothing."""
HSM = "1"  # what a row of the blacklist is about
_AS_SHOWN = ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M", "%Y-%m-%d %H:%M:%S")


def days(first: datetime, last: datetime, zone: tzinfo) -> Iterator[date]:
    """The platform's days from one time to another, both included."""
    day, end = first.astimezone(zone).date(), last.astimezone(zone).date()
    while day <= end:
        yield day
        day += timedelta(days=1)


def params(day: date, page: int) -> dict[str, str | int]:
    """The query for one page of one day; pages count from 1."""
    text = f"{day:%d/%m/%Y}"
    return {"data_inicial": text, "data_final": text, "page": page}


def permitted(body: Any) -> Any:
    """The answer as it is. Refused where it carries an error code, HTTP 200 or not."""
    if isinstance(body, dict) and error_code(body) not in {None, "0"}:
        raise Refused(reason(body) or "refused")
    return body


def page_of(body: Any) -> tuple[Sequence[Any], int]:
    """The rows of an answer and how many pages there are. BadAnswer where it has none."""
    if not isinstance(body, dict):
        raise BadAnswer("no_rows")
    rows, pages = body.get("registros"), identifier(body.get("num_pages"))
    if not isinstance(rows, list) or pages is None or not re.fullmatch(r"[0-9]{1,9}", pages):
        raise BadAnswer("no_rows")
    return rows, int(pages)


def sent_of(row: Any, first: datetime, last: datetime, zone: tzinfo) -> Sent | None:
    """A row that can be read and lies between two times (to the second, as rows have no more), else None."""
    if not isinstance(row, dict):
        return None
    reference = identifier(row.get("cod_atendimento"))
    phone = re.sub("[^0-9]", "", identifier(row.get("num_telefone")) or "")
    begin = first.replace(microsecond=0)
    at = next((time for time in _times(row.get("dat_msg"), zone) if begin <= time <= last), None)
    if reference is None or not phone or at is None:
        return None
    status = one_line(row.get("status")) or ""
    known = status.capitalize()  # as words.toml has it, however it is spelt
    arrival = ARRIVALS.get(known)
    return Sent(reference, phone, at, status if arrival is None else known, arrival)


def blacklisted(body: Any) -> list[str]:
    """The phones of the blacklist's rows that are about HSM. BadAnswer where it has no rows."""
    rows = body.get("registros") if isinstance(body, dict) else None
    if not isinstance(rows, list):
        raise BadAnswer("no_rows")
    of_hsm = (row for row in rows if isinstance(row, dict) and identifier(row.get("tip_blacklist")) == HSM)
    phones = (re.sub("[^0-9]", "", identifier(row.get("num_telefone")) or "") for row in of_hsm)
    return [phone for phone in phones if re.fullmatch("55[0-9]{10,11}", phone)]


def is_legible(row: Any) -> bool:
    """Whether a row has what is needed, in a form that is known."""
    if not isinstance(row, dict) or identifier(row.get("cod_atendimento")) is None:
        return False
    phone = re.search("[0-9]", identifier(row.get("num_telefone")) or "")
    return phone is not None and any(_times(row.get("dat_msg"), UTC))


def _times(text: Any, zone: tzinfo) -> Iterator[datetime]:
    """What a local time may mean: two times in the hour that the end of summer time repeats."""
    for shape in _AS_SHOWN:
        try:
            shown = datetime.strptime(str(text).strip(), shape).replace(tzinfo=zone)
            yield shown.astimezone(UTC)
            yield shown.replace(fold=1).astimezone(UTC)
        except (ValueError, OverflowError):  # another shape, or the last day of the calendar
            continue
