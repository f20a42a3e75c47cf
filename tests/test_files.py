"""Files are written whole or not at all."""

import pytest

from tinygrad_edu.files import read_json, write_json, write_whole


def test_a_text_arrives_as_it_is(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "größe\n∂\n")
    assert path.read_bytes() == "größe\n∂\n".encode()
    write_whole(path, "")
    assert path.read_bytes() == b""


def test_a_failed_write_leaves_the_old_file_and_nothing_else(tmp_path):
    path = tmp_path / "a.txt"
    write_whole(path, "old")
    with pytest.raises(UnicodeEncodeError):
        write_whole(path, "new \ud800")
    with pytest.raises(TypeError):
        write_json(path, {"a": object()})
    assert path.read_text() == "old"
    (tmp_path / "directory").mkdir()
    with pytest.raises(OSError, match=r"directory'$"):
        write_whole(tmp_path / "directory", "text")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["a.txt", "directory"]


def test_json_comes_back(tmp_path):
    content = {"a": [0.1, 1e300, -5], "b": {"ü": None}}
    write_json(tmp_path / "a.json", content)
    assert read_json(tmp_path / "a.json", keys=("a", "b")) == content
    with pytest.raises(ValueError, match="has no 'c': is it the right file"):
        read_json(tmp_path / "a.json", keys=("a", "c"))
