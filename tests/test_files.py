"""Files are written atomically."""

import errno
import math
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tinygrad_edu import Value
from tinygrad_edu._common import files
from tinygrad_edu._common.files import expect_place_for, read_bytes, read_json, write_json, write_whole
from tinygrad_edu.callbacks import History, resume
from tinygrad_edu.datasets import read_csv
from tinygrad_edu.nn import MLP, load_mlp
from tinygrad_edu.optim import SGD
from tinygrad_edu.prediction import load_predictor


def test_content_arrives_as_it_is(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, b"a\r\n\x00\xff")
    assert path.read_bytes() == b"a\r\n\x00\xff"
    write_whole(path, b"")
    assert path.read_bytes() == b""


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, b"old")
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == "old"
    (tmp_path / "directory").mkdir()
    with pytest.raises(IsADirectoryError, match="directory is a folder: name a file in it"):
        write_whole(tmp_path / "directory", b"text")
    with pytest.raises(FileNotFoundError, match=r"there is no folder .*missing to write a\.txt into"):
        write_whole(tmp_path / "missing" / "a.txt", b"text")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "directory"]


def test_json_comes_back(tmp_path):
    content = {"a": [0.1, 1e300, -5], "b": {"ü": None}}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json", keys=("a", "b")) == content
    with pytest.raises(ValueError, match="has no 'c': is it the right file"):
        read_json(tmp_path / "a.json", keys=("a", "c"))


def test_a_link_stays_and_what_it_names_is_written(tmp_path):
    (tmp_path / "real.txt").write_bytes(b"old")
    (tmp_path / "link.txt").symlink_to("real.txt")
    write_whole(tmp_path / "link.txt", b"new")
    assert (tmp_path / "link.txt").is_symlink()
    assert (tmp_path / "real.txt").read_bytes() == b"new"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no pipes among its files")
def test_what_is_no_regular_file_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="pipe is a device, not a file"):
        write_whole(tmp_path / "pipe", b"text")


def test_a_closed_folder_is_found_out_before_the_work(tmp_path, monkeypatch):
    monkeypatch.setattr(os, "access", lambda *_: False)  # for root, every folder is open
    with pytest.raises(PermissionError, match=r"the folder .* is not writable"):
        expect_place_for(tmp_path / "a.txt")


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755])
def test_permissions_stay(tmp_path, mode):
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    path.chmod(mode)
    write_whole(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_a_private_file_is_private_while_it_is_written_too(tmp_path, monkeypatch):
    path, seen = tmp_path / "a.txt", []
    path.write_bytes(b"old")
    path.chmod(0o600)
    rename = os.replace
    monkeypatch.setattr(os, "chmod", lambda file, mode: seen.append(stat.S_IMODE(os.stat(file).st_mode)))
    monkeypatch.setattr(os, "replace", rename)
    write_whole(path, b"new")
    assert seen == [0o600]


def test_a_new_file_has_the_usual_permissions(tmp_path):
    (tmp_path / "usual.txt").write_bytes(b"")
    write_whole(tmp_path / "a.txt", b"new")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "usual.txt").stat().st_mode


def test_all_names_of_a_file_get_the_new_content(tmp_path):
    (tmp_path / "a.txt").write_bytes(b"old and longer")
    (tmp_path / "b.txt").hardlink_to(tmp_path / "a.txt")
    write_whole(tmp_path / "a.txt", b"new")
    assert (tmp_path / "b.txt").read_bytes() == b"new"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "b.txt"]


def test_what_a_killed_process_left_behind_is_removed(tmp_path):
    """The process is killed between writing the temporary file and renaming it."""
    program = (
        "import os, sys; from tinygrad_edu._common import files\n"
        "files.os.replace = lambda *_: os.kill(os.getpid(), 9)\n"
        "files.write_whole(sys.argv[1], b'half')"
    )
    path = tmp_path / "a[1].txt"
    path.write_bytes(b"old")
    for other in (".a[1].txt.bak", ".a[1].txt.1-x", f".a[1].txt.{os.getpid()}-1", ".b.txt.1-1", "a.txt.1-1"):
        (tmp_path / other).write_bytes(b"mine")
    killed = subprocess.run([sys.executable, "-c", program, path], check=False)
    assert killed.returncode != 0
    assert path.read_bytes() == b"old"
    assert len([*tmp_path.iterdir()]) == 7
    write_whole(path, b"new")
    assert path.read_bytes() == b"new"
    assert len([*tmp_path.iterdir()]) == 6  # only that of the process that is no more is gone


@pytest.mark.parametrize(
    ("system", "left"),
    [
        ("windows", []),  # there, a file that is open cannot be removed, and signal 0 would end a process
        ("another user's process", [".a.txt.1-1"]),
    ],
)
def test_of_a_process_that_cannot_be_asked(tmp_path, monkeypatch, system, left):
    def refuse(process, signal):
        assert system != "windows"
        raise PermissionError(errno.EPERM, "Operation not permitted")

    (tmp_path / ".a.txt.1-1").write_bytes(b"half")
    path = tmp_path / "a.txt"
    imitated = vars(os) | {"kill": refuse, "name": "nt" if system == "windows" else "posix"}
    monkeypatch.setattr(files, "os", SimpleNamespace(**imitated))
    write_whole(path, b"new")
    assert sorted(file.name for file in tmp_path.iterdir()) == [*left, "a.txt"]


def test_ctrl_c_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    def interrupted(*files):
        signal.raise_signal(signal.SIGINT)

    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_file_without_end_is_not_read(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a": 1}')
    assert read_bytes(path, 8) == b'{"a": 1}'
    with pytest.raises(ValueError, match=r"a\.json is larger than 0 million bytes"):
        read_bytes(path, 7)
    if os.path.exists("/dev/zero"):
        with pytest.raises(ValueError, match="/dev/zero is larger than 1 million bytes, which is the limit"):
            read_bytes("/dev/zero", 1_000_000)


def test_a_full_disk_loses_no_file_of_several_names(tmp_path, monkeypatch):
    """Its content is overwritten in place, and here the disk is full half-way."""
    path = tmp_path / "a.json"
    path.write_bytes(b"old")
    os.link(path, tmp_path / "b.json")
    write_bytes, lengths = Path.write_bytes, []

    def full(self, content):
        lengths.append(len(content))
        if len(lengths) == 1:
            write_bytes(self, content[:2])
            raise OSError(errno.ENOSPC, "No space left on device")
        return write_bytes(self, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(OSError, match="No space left on device"):
        write_whole(path, b"new content")
    assert lengths[0] == len(b"new content")
    assert path.read_bytes() == (tmp_path / "b.json").read_bytes() == b"old"
    assert sorted(os.listdir(tmp_path)) == ["a.json", "b.json"]


def test_links_in_a_circle_are_replaced(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "b").read_bytes() == b"new"


@pytest.mark.parametrize(
    "use",
    [
        lambda path: read_csv(path, "y"),
        load_mlp,
        load_predictor,
        MLP(1, [1]).load,
        lambda path: MLP(1, [1]).save(path / "m.json"),
        lambda path: MLP(1, [1]).save(path.parent / "none" / path.name),
        lambda path: write_json(path, math.nan),
        lambda path: resume(path, MLP(1, [1]), SGD([Value(1.0)])),
    ],
)
@pytest.mark.parametrize(
    "content", ["{", "{}", "1;2", '{"model": 1, "state": 2, "optimizer": 3, "history": 4}']
)
def test_no_message_carries_the_control_characters_of_a_file_name(tmp_path, use, content):
    path = tmp_path / "a\x1b[31m\nb.csv"
    path.write_text(content)
    with pytest.raises((ValueError, OSError)) as caught:
        use(path)
    assert not {"\x1b", "\n"} & set(str(caught.value))


def test_a_history_from_a_file_shows_no_control_characters():
    assert repr(History(loss=[1.0], **{"\x1b[31m": [2.0]})) == "<History of 1 epochs, loss 1, \ufffd[31m 2>"
