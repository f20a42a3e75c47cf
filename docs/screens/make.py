"""Take the screenshots beside this file: ``python docs/screens/make.py``; with names, only these.

Needs Pillow, playwright and Chromium; "readme" also markdown-it-py, "paper" pypdfium2, and "jupyterlab"
jupyterlab and matplotlib.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tinygrad_edu import Style, animate, draw, explore, handout, worked_example

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
COLOURS, LEVELS = 48, 24  # of a palette; of each channel of a colour in it
COLUMN = 830  # pixels: the width of a README on the pages of a code host
README = """\
<!DOCTYPE html>
<meta charset="utf-8">
<base href="{base}">
<style>
body {{ font: 16px/1.5 "Liberation Sans", sans-serif; margin: 0 }}
img {{ max-width: 100% }}
pre {{ background: #f6f8fa; padding: 16px; overflow: auto; font-size: 85% }}
code {{ font-family: "Liberation Mono", monospace }}
table {{ border-collapse: collapse }}
th, td {{ border: 1px solid #d1d9e0; padding: 6px 13px }}
</style>
{text}
"""

PORT = 8987
SIZE = {"width": 1280, "height": 1560}
CELLS = [
    """from tinygrad_edu import Value, explain, worked_example
from tinygrad_edu.datasets import xor
from tinygrad_edu.nn import MLP
from tinygrad_edu.train import fit

model = MLP(2, [3, 1], "tanh", seed=1)
model""",
    'fit(model, xor(), "binary_cross_entropy", "adam", epochs=200, progress=False)',
    """example = worked_example()
explain(example["E_total"], example["w5"])""",
]


def notebook(cells: list[str]) -> str:
    """Return a notebook of these cells that was never run."""
    made = [
        {
            "cell_type": "code",
            "id": f"c{i}",
            "source": cell,
            "metadata": {},
            "outputs": [],
            "execution_count": None,
        }
        for i, cell in enumerate(cells)
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return json.dumps({"cells": made, "metadata": {"kernelspec": kernel}, "nbformat": 4, "nbformat_minor": 5})


def run_all(page: Page) -> None:
    """Open the notebook, run its cells and wait for the last one."""
    page.goto(f"http://127.0.0.1:{PORT}/lab/tree/faces.ipynb?reset")
    page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=120_000)
    page.wait_for_timeout(5_000)  # until then clicks may be lost
    page.locator(".jp-Notebook .jp-Cell").first.click()
    page.keyboard.press("Escape")
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.locator("text=Run All Cells").first.click()
    last = page.locator(".jp-CodeCell").last
    last.locator(".jp-OutputArea-output").first.wait_for(timeout=120_000)
    page.wait_for_timeout(2_000)  # formulas are set after the output has come


def visit(
    folder: Path, cells: list[str], dark: bool, size: dict[str, int], look: Callable[[Page], None]
) -> None:
    """Run cells in a JupyterLab of its own, and call ``look`` with the page."""
    (folder / "faces.ipynb").write_text(notebook(cells), encoding="utf-8")
    settings = folder / "settings"
    for name, chosen in {
        "apputils-extension/themes": {"theme": f"JupyterLab {'Dark' if dark else 'Light'}"},
        "apputils-extension/notification": {"fetchNews": "false"},
        "application-extension/shell": {"startMode": "single-document"},
    }.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(chosen), encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={PORT}"]
    command += ["--IdentityProvider.token=", f"--ServerApp.root_dir={folder}"]
    command += [f"--LabApp.user_settings_dir={settings}", f"--LabApp.workspaces_dir={folder / 'workspaces'}"]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as lab:
        try:
            assert lab.stderr is not None
            next(line for line in lab.stderr if f":{PORT}/lab" in line)
            with chromium() as browser:
                page = browser.new_page(viewport=size, color_scheme="dark" if dark else "light")
                run_all(page)
                look(page)
        finally:
            lab.terminate()


def jupyterlab() -> None:
    """A notebook in JupyterLab, light and dark."""
    for name in ("light", "dark"):

        def look(page: Page, name: str = name) -> None:
            save(f"jupyterlab_{name}", page.locator(".jp-NotebookPanel").screenshot())

        with tempfile.TemporaryDirectory() as folder:
            visit(Path(folder), CELLS, name == "dark", SIZE, look)


def readme() -> None:
    """The top of the README in a column of 830 pixels."""
    from markdown_it import MarkdownIt

    text = MarkdownIt("commonmark").enable("table").render((ROOT / "README.md").read_text(encoding="utf-8"))
    with opened(README.format(base=f"{ROOT.as_uri()}/", text=text), COLUMN, 1100) as page:
        save("readme", page.screenshot())


def slide() -> None:
    """The figure of the worked example on a slide of 16:9."""
    example = worked_example()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "slide.png"
        draw(example["E_total"], example["w5"], style=Style("slide")).save(path)
        save("slide", path.read_bytes())


def paper() -> None:
    """A handout as Chromium prints it on A4, in grey."""
    from pypdfium2 import PdfDocument

    example = worked_example()
    made = handout(example["E_total"], example["w5"], learning_rate=0.5, style=Style(theme="print"))
    with opened(made.html, 1280, 720) as page:
        printed = PdfDocument(page.pdf(prefer_css_page_size=True))
    assert len(printed) == 1
    image = io.BytesIO()
    printed[0].render(scale=110 / 72, grayscale=True).to_pil().save(image, "png")
    save("paper", image.getvalue())


def page() -> None:
    """The live page of the worked example."""
    example = worked_example()
    with opened(explore(example["E_total"], example["w5"]).html, 1280, 860) as page:
        save("page", page.screenshot())


def phone() -> None:
    """The live page of the worked example on a phone."""
    example = worked_example()
    with opened(explore(example["E_total"], example["w5"]).html, 390, 844, 2) as page:
        save("phone", page.screenshot())


def animation() -> None:
    """Three steps of an animation page: the forward pass, the backward pass, the end."""
    example = worked_example()
    made = animate(example["E_total"], example["w5"])
    last = len(made.steps)
    with opened(made.page, 1000, 920) as page:
        for number, step in enumerate((last // 3, last - 2, last), 1):
            page.locator('[data-control="scrub"]').fill(f"{step}")
            save(f"animation_{number}", page.screenshot())


SHOTS = (page, readme, slide, paper, phone, animation, jupyterlab)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run the system's Chromium."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@contextmanager
def opened(html: str, width: int, height: int, scale: int = 1) -> Iterator[Page]:
    """Open a page from a file in a window of this many pixels."""
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "page.html"
        path.write_text(html, encoding="utf-8")
        page = browser.new_page(viewport={"width": width, "height": height}, device_scale_factor=scale)
        page.goto(path.as_uri())
        yield page


def save(name: str, png: bytes) -> None:
    """Write an image beside this file, in its most frequent colours: a line keeps its own, however thin."""
    image = Image.open(io.BytesIO(png)).convert("RGB")
    rounded = image.point(lambda level: round(level / 255 * LEVELS) * 255 // LEVELS)
    frequent = sorted(rounded.getcolors(image.width * image.height) or [], reverse=True)[:COLOURS]
    palette = Image.new("P", (1, 1))
    palette.putpalette([level for _, colour in frequent for level in colour])
    image.quantize(palette=palette, dither=Image.Dither.NONE).save(HERE / f"{name}.png", optimize=True)


def main(names: list[str]) -> None:
    """Take the screenshots of these names, or all."""
    shots = {shot.__name__: shot for shot in SHOTS}
    for name in names or shots:
        shots[name]()


if __name__ == "__main__":
    main(sys.argv[1:])
