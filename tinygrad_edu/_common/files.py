"""Files: read with clear errors, written atomically."""

import os
import threading
from pathlib import Path
from typing import Any


def write_whole(path: str | os.PathLike[str], content: bytes) -> None:
    """Write a file atomically: a reader finds the old content or the new, never a part of it.

    The content goes into a temporary file in the same folder, which is then renamed.

    Raises:
        OSError: if the folder is missing or the file cannot be written; the old content then remains.
    """
    expect_place_for(path)
    target = Path(path).resolve()  # of a link, the file that it points to
    temporary = target.with_name(f".{target.name[:40]}.{os.getpid()}-{threading.get_ident()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, target)
    except BaseException as error:  # an interrupt too: leave no temporary file
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):  # name the file that the user named
            raise OSError(error.errno, error.strerror, str(path)) from None
        raise


def expect_place_for(path: str | os.PathLike[str]) -> None:
    """Check before long work that a file can be written to a path.

    Raises:
        OSError: if it is a folder or a device, or if its folder is missing or not writable.
    """
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"{target} is a folder: name a file in it")
    if target.exists() and not target.is_file():
        raise OSError(f"{target} is a device, not a file: name another")
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"there is no folder {target.parent} to write {target.name} into: make it first"
        )
    if not os.access(target.parent, os.W_OK):
        raise PermissionError(f"the folder {target.parent} is not writable: choose another")


def write_json(path: str | os.PathLike[str], content: Any) -> None:
    """Write plain data as a JSON file, atomically.

    Raises:
        ValueError: if a number is infinite or NaN, which JSON cannot represent; nothing is written.
        OSError: if the file cannot be written.
    """
    try:
        import json  # when it is needed: the package is to load quickly

        text = json.dumps(content, indent=1, allow_nan=False)
    except ValueError:
        raise ValueError(f"{path} is not written: a number in it is infinite or NaN") from None
    write_whole(path, f"{text}\n".encode())


def read_json(path: str | os.PathLike[str], keys: tuple[str, ...]) -> dict[str, Any]:
    """Read a JSON file that holds an object with certain keys.

    Args:
        path: the file.
        keys: the entries that it must have.

    Raises:
        OSError: if the file cannot be read.
        ValueError: if it is not JSON, or lacks one of the keys.
    """
    try:
        import json

        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not a JSON file: {error}") from None
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise ValueError(f"{path} has no {' and no '.join(map(repr, missing))}: is it the right file?")
    return dict(content)
