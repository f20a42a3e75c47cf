import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tinygrad_edu.three_layer import WorkedExample, worked_example


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--regenerate", action="store_true", help="write the golden files anew")
    parser.addoption(
        "--graphs", type=int, default=300, help="how many random graphs to compare with each oracle"
    )


@pytest.fixture
def graphs(request: pytest.FixtureRequest) -> int:
    """How many random graphs to try; docs/testing.md says how to try more."""
    return request.config.getoption("--graphs")


@pytest.fixture(autouse=True)
def _ctrl_c_interrupts() -> Iterator[None]:
    """Make Ctrl-C raise KeyboardInterrupt, also in a shell's background jobs, where it is ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def example() -> WorkedExample:
    example = worked_example()
    example["E_total"].backward()
    return example


@pytest.fixture(scope="session")
def reference() -> dict:
    """The published numbers of the worked example, to 25 digits."""
    return json.loads((Path(__file__).parent / "three_layer.json").read_text())


@pytest.fixture
def golden(request: pytest.FixtureRequest):
    """Compare text with a file of tests/golden, or write that file with --regenerate."""

    def compare(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / name
        if request.config.getoption("--regenerate"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """The Chromium of the system. For a module, because nothing else may have an event loop meanwhile."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if path is None:
        pytest.skip("there is no Chromium on this machine")
    quiet = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
    with playwright.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=[*quiet, "--disable-component-update"])
        yield chromium
        chromium.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Open what saves itself as a page; what the console says, or the page asks for, fails the test."""
    noises: list[str] = []
    page = browser.new_page(viewport={"width": 830, "height": 800})
    page.on("console", lambda message: noises.append(message.text))
    page.on("pageerror", lambda error: noises.append(str(error)))
    page.on("request", lambda request: request.url.startswith("file:") or noises.append(request.url))

    def open_(shown: Any, width: int = 830) -> Any:
        page.set_viewport_size({"width": width, "height": 800})
        page.goto(shown.save(tmp_path / "page.html").as_uri())
        return page

    yield open_
    page.close()
    assert noises == []
