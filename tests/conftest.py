import json
import signal
from collections.abc import Iterator
from pathlib import Path

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
