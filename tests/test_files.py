"""Files are written atomically."""

import os

import pytest

from tinygrad_edu._common.files import expect_place_for, read_json, write_json, write_whole


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
