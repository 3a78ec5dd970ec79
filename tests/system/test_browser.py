"""The Gradio page in a real browser, behind the real edge, under its stripped prefix."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser

from tests.services.hearing import loudness, read_wav
from tests.system.browsing import NetworkLog, Visit, chromium
from tests.system.deployment import Deployment

HAVE_ENOUGH_DATA = 4  # HTMLMediaElement.readyState
QUIET = 300  # of 32768; silence is 0


@pytest.fixture(scope="module")
def studio(shared: Deployment) -> str:
    """The page's URL, as the stack's outputs give it."""
    return str(shared.outputs()["pools"]["studio"]["url"])


@pytest.fixture(scope="module")
def browser(studio: str) -> Iterator[Browser]:
    # `studio` is asked for first: Pulumi cannot have the event loop while Playwright has it.
    with chromium() as browser:
        yield browser


def assert_in_order(network: NetworkLog, studio: str) -> None:
    """Nothing was refused, and nothing asked for that is not the page's own."""
    assert network.refused == []
    assert network.hosts() == {urlsplit(studio).netloc}
    assert [url for url in network.asked if not url.startswith((studio, "data:", "blob:"))] == []


@pytest.mark.parametrize("ending", ["/", "", "?from=elsewhere"])
def test_the_page_and_all_that_it_needs_come_from_under_its_prefix(browser: Browser, studio: str, ending: str) -> None:
    network = Visit(browser, f"{studio}{ending}").leave()
    assert len(network.asked) > 10, "a page with scripts, styles and fonts"
    assert f"{studio}/favicon.ico" in network.asked
    assert_in_order(network, studio)


def test_a_click_gives_speech_that_plays(browser: Browser, studio: str) -> None:
    visit = Visit(browser, f"{studio}/")
    note = visit.speak("The quick brown fox jumps over the lazy dog.")
    player = visit.play()
    download = visit.download()
    content = download.body()
    network = visit.leave()
    assert note.startswith(f"{player['duration']:.1f} s of speech")
    assert player["error"] is None
    assert player["readyState"] == HAVE_ENOUGH_DATA
    assert download.url.startswith(f"{studio}/gradio_api/file=")
    assert download.status == 200
    assert download.headers["content-type"] == "audio/wav"
    assert "content-encoding" not in download.headers
    rate, samples = read_wav(content)
    assert len(samples) / rate == pytest.approx(player["duration"], abs=0.1)
    assert loudness(samples) > QUIET
    assert_in_order(network, studio)


def test_ten_clicks_in_a_row_stay_on_one_replica(browser: Browser, studio: str) -> None:
    visit = Visit(browser, f"{studio}/")
    instance = visit.instance()
    notes = [visit.speak(f"This is number {number}.") for number in range(1, 11)]
    network = visit.leave()
    assert {note.rpartition(" on ")[2] for note in notes} == {instance}
    assert network.instances == {instance}, "pages, scripts, events and sounds alike"
    assert_in_order(network, studio)


def test_visitors_are_spread_over_the_replicas(shared: Deployment, browser: Browser, studio: str) -> None:
    replicas = {f"{shared.full_name}-studio-{number}" for number in (1, 2)}
    seen: set[str] = set()
    for _ in range(6):
        visit = Visit(browser, f"{studio}/")
        seen.add(visit.instance())
        visit.leave()
        if seen == replicas:
            break
    assert seen == replicas
