"""Files: read with clear errors, written atomically."""

import contextlib
import os
import stat
import threading
from pathlib import Path
from typing import Any

from tinygrad_edu._common.text import shown

MOST_BYTES = 500_000_000
"""The largest file that is read: a network of ten million parameters."""


def write_whole(path: str | os.PathLike[str], content: bytes, mode: int = 0o666) -> None:
    """Write a file atomically: a reader finds the old content or the new, never a part of it.

    The content goes into a temporary file in the same folder, which is then renamed. The new file has the
    permissions of the old one. A file that has several names (hard links) cannot be replaced under all of
    them, so there the content is overwritten, once all of it is on the disk.

    Args:
        path: the file.
        content: what is to be in it.
        mode: the permissions of a file that is not there yet, less those that the system withholds.

    Raises:
        OSError: if the folder is missing or the file cannot be written; the old content then remains.
    """
    expect_place_for(path)
    target = Path(os.path.realpath(path))  # of a link, the file that it points to
    _remove_leftovers(target)
    temporary = target.with_name(f"{_prefix(target)}{os.getpid()}-{threading.get_ident()}")
    try:
        old = target.stat() if target.exists() else None
        # Nobody else may read a private file, not even while it is written.
        with open(os.open(temporary, _NEW_FILE, mode if old is None else 0o600), "wb") as file:
            file.write(content)
        if old and old.st_nlink > 1:
            _overwrite(target, content, temporary)
            return
        if old:
            os.chmod(temporary, stat.S_IMODE(old.st_mode))
        os.replace(temporary, target)
    except BaseException as error:  # an interrupt too: leave no temporary file
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # name the file that the user named
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def _overwrite(target: Path, content: bytes, temporary: Path) -> None:
    """Write a file in its place; if the disk turns out to be full, its old content is there again."""
    before = target.read_bytes()
    try:
        target.write_bytes(content)
    except BaseException:
        temporary.unlink()  # the room that it took
        target.write_bytes(before)
        raise
    temporary.unlink()


_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0)


def _prefix(target: Path) -> str:
    return f".{target.name[:40]}."


def _remove_leftovers(target: Path) -> None:
    """Remove the temporary files of processes that were killed while they wrote this file."""
    for entry in target.parent.iterdir():
        process, dash, thread = entry.name.removeprefix(_prefix(target)).partition("-")
        if entry.name.startswith(_prefix(target)) and dash and process.isdecimal() and thread.isdecimal():
            with contextlib.suppress(OSError):  # another process was quicker, or still has it open
                if not _is_running(int(process)):
                    entry.unlink()


def _is_running(process: int) -> bool:
    if os.name == "nt":
        return False  # there, signal 0 ends a process, and a file that is open cannot be removed anyway
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:  # another user's
        pass
    return True


def expect_place_for(path: str | os.PathLike[str]) -> None:
    """Check before long work that a file can be written to a path.

    Raises:
        OSError: if it is a folder or a device, or if its folder is missing or not writable.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{shown(target)} is a folder: name a file in it")
    if target.exists() and not target.is_file():
        raise OSError(f"{shown(target)} is a device, not a file: name another")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {shown(target.parent)} to write {shown(target.name)} into: make it first"
        )
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"the folder {shown(target.parent)} is not writable: choose another")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write plain data as a JSON file, atomically.

    Raises:
        ValueError: if a number is infinite or NaN, which JSON cannot represent; nothing is written.
        TypeError: if it is no plain data: numbers, text, lists and dictionaries; nothing is written.
        OSError: if the file cannot be written.
    """
    try:
        import json  # when it is needed: the package is to load quickly

        text = json.dumps(content, indent=1, allow_nan=False)
    except ValueError:
        raise ValueError(f"{shown(path)} is not written: a number in it is infinite or NaN") from None
    except TypeError as error:
        raise TypeError(f"{shown(path)} is not written: {error}: give plain data") from None
    write_whole(path, f"{text}\n".encode())


def as_read(content: Any) -> Any:
    """Return plain data as it comes back from a JSON file: tuples as lists, all names as text.

    >>> as_read({"sizes": (1, 2), 3: None})
    {'sizes': [1, 2], '3': None}
    """
    import json

    return json.loads(json.dumps(content))


def read_bytes(path: str | os.PathLike[str], most: int = MOST_BYTES) -> bytes:
    """Read a file, but no more than ``most`` bytes: a device may have no end.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is larger.
    """
    with open(path, "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise ValueError(
            f"{shown(path)} is larger than {most // 1_000_000} million bytes, which is the limit"
        )
    return content


def read_json(path: str | os.PathLike[str], keys: tuple[str, ...]) -> dict[str, Any]:
    """Read a JSON file that holds an object with certain keys.

    Args:
        path: the file.
        keys: the entries that it must have.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not JSON, lacks one of the keys, or is too large.
    """
    text = read_bytes(path)
    try:
        import json

        content = json.loads(text.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{shown(path)} is not a JSON file: {error}") from None
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise ValueError(f"{shown(path)} has no {' and no '.join(map(repr, missing))}: is it the right file?")
    return dict(content)
