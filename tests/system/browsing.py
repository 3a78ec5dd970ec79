"""A page in a real browser, and all that it asks for meanwhile."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import APIResponse, Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError
from playwright.sync_api import TimeoutError as PlaywrightTimeout

_CLICKS = 5

REMEMBER_PLAYERS = """
    window.players = [];
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () { window.players.push(this); return play.call(this); };
"""
"""Gradio plays through an element that is in no document, so it is caught where it plays."""


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's chromium; the first one on PATH."""
    program = shutil.which("chromium")
    assert program, "the tests need the program chromium: `make test` installs it, or apt-get install chromium"
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--disable-gpu", "--disable-quic"])
        yield browser
        browser.close()


@dataclass
class NetworkLog:
    """What DevTools shows in their network log, the icon included."""

    asked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    """Answers of 400 and more, and requests without an answer; not what the page itself broke off."""
    instances: set[str] = field(default_factory=set)
    """Who answered, by X-Instance."""

    def hosts(self) -> set[str]:
        """Each HOST:PORT that something was asked of."""
        return {urlsplit(url).netloc for url in self.asked if urlsplit(url).scheme not in ("data", "blob")}

    def watch(self, page: Page) -> None:
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", lambda event: self.asked.append(event["request"]["url"]))
        session.on("Network.responseReceived", lambda event: self._answered(event["response"]))
        session.on("Network.loadingFailed", self._failed)

    def _answered(self, answer: dict[str, Any]) -> None:
        if answer["status"] >= 400:
            self.refused.append(f"{answer['status']} {answer['url']}")
        headers = {name.lower(): value for name, value in answer["headers"].items()}
        if "x-instance" in headers:
            self.instances.add(headers["x-instance"])

    def _failed(self, event: dict[str, Any]) -> None:
        if not event.get("canceled"):
            self.refused.append(f"{event['errorText']} {event['type']}")


class Visit:
    """One visitor, with cookies of their own, on a studio page."""

    def __init__(self, browser: Browser, url: str) -> None:
        self.network = NetworkLog()
        self.context = browser.new_context()
        self.page = self.context.new_page()
        self.page.add_init_script(REMEMBER_PLAYERS)
        self.network.watch(self.page)
        self.page.goto(url)
        try:
            self.page.locator("#speak").wait_for()
        except PlaywrightError as error:
            raise AssertionError(
                f"{url} shows no page; what it asked for and did not get: {self.network.refused}"
            ) from error

    def instance(self) -> str:
        """The instance that the page says it is from."""
        return self.page.locator("#instance").inner_text().removeprefix("Instance: ")

    def speak(self, text: str) -> str:
        """Types a text and clicks; the page's note on the speech, once the player has it."""
        self.page.locator("#text textarea").fill(text)
        with self.page.expect_response(lambda answer: "/gradio_api/file=" in answer.url):
            self.page.locator("#speak").click()
        self.page.get_by_label("Play", exact=True).wait_for()
        return self.page.locator("#note textarea").input_value()

    def download(self) -> APIResponse:
        """The speech as the page offers it for download."""
        href = self.page.get_by_test_id("download-link").get_attribute("href")
        return self.context.request.get(href or "")

    def play(self) -> dict[str, Any]:
        """Clicks on play; what the player says of itself once its time runs."""
        runs = "players.length > 0 && players.at(-1).currentTime > 0"
        for _ in range(_CLICKS):
            # On a slow machine the button is there before it listens; a person clicks again.
            self.page.get_by_label("Play", exact=True).click()
            with suppress(PlaywrightTimeout):
                self.page.wait_for_function(runs, timeout=5_000)
                break
        self.page.wait_for_function(runs)
        return self.page.evaluate(  # type: ignore[no-any-return]
            "(({duration, readyState, error, paused}) => ({duration, readyState, error, paused}))(players.at(-1))"
        )

    def leave(self) -> NetworkLog:
        """Ends the visit; everything that was asked for."""
        self.page.wait_for_load_state("networkidle")
        self.context.close()
        return self.network
