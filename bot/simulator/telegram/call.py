"""One call of a Bot API method: its parameters and files."""

import json
import re
from dataclasses import dataclass, field
from typing import Any, TypeVar

from bot.simulator.telegram.chat import Refused

T = TypeVar("T")


@dataclass(frozen=True)
class Call:
    """The parameters of one call (text where they came in a form) and its files: name, content."""

    params: dict[str, Any]
    files: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def get(self, name: str) -> Any:
        """The parameter as it came, or None."""
        return self.params.get(name)

    def number(self, name: str) -> int:
        """The parameter as a number; 0 where it is missing or none."""
        text = str(self.params.get(name, ""))
        return int(text) if re.fullmatch(r"-?[0-9]{1,19}", text) else 0

    def true(self, name: str) -> bool:
        """The parameter as a flag."""
        return str(self.params.get(name, "")).lower() in {"true", "1"}

    def json(self, name: str, kind: type[T]) -> T | None:
        """The parameter as a JSON value, which forms carry as text; None where it is missing.

        Raises:
            Refused: It is not JSON, or not of that kind.
        """
        value = self.params.get(name)
        try:
            value = json.loads(value) if isinstance(value, str) else value
        except ValueError:
            raise Refused(f"Bad Request: can't parse {name} JSON object") from None
        if value is not None and not isinstance(value, kind):
            raise Refused(f"Bad Request: can't parse {name} JSON object")
        return value
