"""Take the screenshots of JupyterLab beside this file, light and dark.

Needs jupyterlab, matplotlib, Pillow, playwright and Chromium: ``python docs/screens/make.py``.
"""

import io
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
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
    with (
        subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as lab,
        sync_playwright() as play,
    ):
        try:
            assert lab.stderr is not None
            next(line for line in lab.stderr if f":{PORT}/lab" in line)
            browser = play.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
            page = browser.new_page(viewport=size, color_scheme="dark" if dark else "light")
            run_all(page)
            look(page)
            browser.close()
        finally:
            lab.terminate()


def main() -> None:
    """Write both screenshots, in 32 colours."""
    for name in ("light", "dark"):

        def look(page: Page, path: Path = HERE / f"jupyterlab_{name}.png") -> None:
            image = Image.open(io.BytesIO(page.locator(".jp-NotebookPanel").screenshot()))
            image.convert("RGB").quantize(32, dither=Image.Dither.NONE).save(path, optimize=True)

        with tempfile.TemporaryDirectory() as folder:
            visit(Path(folder), CELLS, name == "dark", SIZE, look)


if __name__ == "__main__":
    main()
