"""A person with a browser in front of the page."""

import re
from dataclasses import dataclass, field

from playwright.async_api import ConsoleMessage, Locator, Page, expect

from tests.patience import PATIENCE

SECONDS = PATIENCE * 1000  # in milliseconds
expect.set_options(timeout=SECONDS)


@dataclass
class Person:
    """What a person does and sees on the page; ``complaints`` is what the browser's console said."""

    page: Page
    complaints: list[str] = field(default_factory=list)

    def listen(self) -> None:
        self.page.set_default_timeout(SECONDS)
        self.page.on("console", self._said)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))

    def _said(self, line: ConsoleMessage) -> None:
        if line.type in {"error", "warning"}:
            self.complaints.append(line.text)

    async def open(self, url: str) -> None:
        await self.page.goto(url)
        await expect(self.page.locator("body")).to_have_attribute("data-ready", "true")

    def card(self, port: str) -> Locator:
        """The message about this port, e.g. ``CB 01 · 1/2``."""
        return self.page.locator("#chat > li").filter(has_text=re.compile(re.escape(port) + r"\b")).first

    async def become(self, name: str) -> None:
        await self.page.get_by_role("radio", name=name).check()

    async def press(self, name: str, inside: Locator | None = None) -> None:
        await (inside or self.page).get_by_role("button", name=name, exact=True).click(timeout=SECONDS)

    async def sees(self, where: Locator, text: str | re.Pattern[str]) -> None:
        await expect(where).to_contain_text(text, timeout=SECONDS)

    @property
    def toast(self) -> Locator:
        return self.page.locator("#toast")

    async def number(self, selector: str) -> int:
        return int(re.sub(r"\D", "", await self.page.locator(selector).inner_text()))
