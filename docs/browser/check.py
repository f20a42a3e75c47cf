"""Run the notebooks of a built site to their end in Chromium, and compare them with what is stored in them.

python docs/browser/check.py FOLDER [NOTEBOOK...]    (with the extra dev installed)

Prints the seconds from opening the page to the first explained gradient, and to the end. Fails if a cell
shows something else than the stored notebook, or if anything is asked of another server.
"""

import json
import shutil
import sys
import threading
import time
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, sync_playwright

SECONDS = 300
START = """async () => {
    const app = window.jupyterapp;
    await app.restored;
    const panel = app.shell.currentWidget;
    await panel.context.ready;
    await panel.sessionContext.ready;
    for (const cell of panel.content.model.cells) if (cell.type === 'code') cell.clearExecution();
    app.commands.execute('notebook:run-all-cells').finally(() => { window.hasEnded = true; });
}"""
ENDED = "() => window.hasEnded"
NOTEBOOK = "() => window.jupyterapp.shell.currentWidget.content.model.toJSON()"
EXPLAINED = f"() => JSON.stringify(({NOTEBOOK})().cells.map((cell) => cell.outputs ?? [])).includes('∂')"


class Server(SimpleHTTPRequestHandler):
    """Serves the site, with a setting that lends the page's application to who drives the page."""

    def do_GET(self) -> None:
        """Answer with a file."""
        if self.path.split("?")[0] != "/jupyter-lite.json":
            return super().do_GET()
        settings = json.loads((Path(self.directory) / "jupyter-lite.json").read_text("utf-8"))
        settings["jupyter-config-data"]["exposeAppInBrowser"] = True
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps(settings).encode())

    def log_message(self, *args: object) -> None:
        """Print nothing."""


def shown(notebook: dict[str, Any]) -> list[str]:
    """Return what every code cell prints, and its result in every format, pictures included."""
    return ["".join(map(text, cell["outputs"])) for cell in notebook["cells"] if cell["cell_type"] == "code"]


def text(output: dict[str, Any]) -> str:
    """Return what one output shows."""
    data = output.get("data") or {"": output.get("text") or output["evalue"]}
    return "".join("".join(data[kind]) for kind in sorted(data))


def where(now: str, then: str) -> str:
    """Return where two texts begin to differ."""
    same = next(
        (i for i, (a, b) in enumerate(zip(now, then, strict=False)) if a != b), min(len(now), len(then))
    )
    start = max(same - 40, 0)
    return f"from character {start}: {now[start : start + 120]!r} in place of {then[start : start + 120]!r}"


def run(browser: Browser, path: Path, base: str) -> list[str]:
    """Run a notebook and return what is wrong with it."""
    context = browser.new_context()
    page = context.new_page()
    asked: list[str] = []
    context.on("request", lambda request: asked.append(request.url))
    started = time.monotonic()

    def wait_for(condition: str) -> int:
        while not page.evaluate(condition):
            if time.monotonic() - started > SECONDS:
                sys.exit(f"{path.name} has not ended after {SECONDS} s")
            page.wait_for_timeout(200)
        return round(time.monotonic() - started)

    page.goto(f"{base}/lab/index.html?path={path.name}")
    page.wait_for_selector(".jp-NotebookPanel .jp-CodeCell", timeout=1000 * SECONDS)
    page.evaluate(START)
    explained = wait_for(EXPLAINED)
    print(f"{path.name}: first explained gradient after {explained} s, the end after {wait_for(ENDED)} s")
    got, stored = shown(page.evaluate(NOTEBOOK)), shown(json.loads(path.read_text("utf-8")))
    context.close()
    different = [
        f"{path.name}, code cell {number}, {where(now, then)}"
        for number, (now, then) in enumerate(zip(got, stored, strict=True), 1)
        if now != then
    ]
    here = base, "data:", "blob:"
    return different + [f"{path.name} asks for {url}" for url in asked if not url.startswith(here)]


def main(folder: Path, names: list[str]) -> None:
    """Check these notebooks of the site, or all."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Server, directory=folder))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        notebooks = [folder / "files" / name for name in names] or sorted((folder / "files").glob("*.ipynb"))
        base = f"http://127.0.0.1:{server.server_port}"
        wrong = [fault for path in notebooks for fault in run(browser, path, base)]
        browser.close()
    sys.exit("\n".join(wrong) or None)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
