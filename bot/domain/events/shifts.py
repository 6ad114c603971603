"""What one shift tells the next by itself.

Field names and `kind` texts are the file format: add fields with a default, never rename.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from bot.domain.book import Book, Event


@dataclass(frozen=True, slots=True)
class HandedOver(Event):
    """The handover that was due then is about to be posted: from here on it is not posted again.

    It is written before the request, so that nothing that comes in between has it posted twice.
    """

    due: datetime
    region: str = ""
    kind: Literal["handed_over"] = "handed_over"

    def apply(self, book: Book, at: datetime) -> None:
        book.handed_over[self.region] = self.due


Line = HandedOver
"""Every kind of this file."""
