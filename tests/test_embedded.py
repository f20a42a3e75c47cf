"""The cache of the compiled Graphviz: what is loaded from it, and above all what is not."""

import hashlib
import os
import stat
import subprocess
import sys

import pytest

wasmtime = pytest.importorskip("wasmtime")
from tinygrad_edu.see.draw import embedded  # noqa: E402

pytestmark = pytest.mark.skipif(os.name != "posix", reason="there is no cache on Windows")
ENGINE = wasmtime.Engine()


def wasm(number):
    return bytes(wasmtime.wat2wasm(f'(module (func (export "f") (result i32) i32.const {number}))'))


def answer():
    """Return what the module that answers 42 answers: 666 if the planted one was loaded in its place."""
    store = wasmtime.Store(ENGINE)
    instance = wasmtime.Instance(store, embedded.module(ENGINE, wasm(42)), [])
    return instance.exports(store)["f"](store)


def kept(compiled):
    return hashlib.sha256(compiled).digest() + compiled


PLANTED = kept(bytes(wasmtime.Module(ENGINE, wasm(666)).serialize()))


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A file of the cache, in which another module stands than the one that it should be."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert answer() == 42
    (file,) = (tmp_path / "cache" / "tinygrad_edu").iterdir()
    file.write_bytes(PLANTED)
    return file


def renewed(file):
    """Return whether the file was written anew, for this user alone."""
    mode = stat.S_IMODE(file.lstat().st_mode)
    return not file.is_symlink() and file.read_bytes() != PLANTED and mode == 0o600


def test_a_module_is_loaded_from_the_cache(file):
    assert answer() == 666
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert file.read_bytes() == PLANTED


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_file_that_others_can_write_is_not_loaded(file, mode):
    file.chmod(mode)
    assert answer() == 42
    assert renewed(file)


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o1777])
def test_nothing_is_loaded_from_a_folder_that_others_can_write_nor_written_to_it(file, mode):
    file.parent.chmod(mode)
    assert answer() == 42
    assert file.read_bytes() == PLANTED


def test_what_belongs_to_someone_else_is_not_loaded(file, monkeypatch):
    mine = os.geteuid()
    monkeypatch.setattr(os, "geteuid", lambda: mine + 1)
    assert answer() == 42
    assert file.read_bytes() == PLANTED  # nor is the folder, so it is left alone


@pytest.mark.skipif(os.name != "posix" or os.geteuid() != 0, reason="only root can give files away")
def test_a_foreign_file_in_the_own_folder_is_not_loaded(file):
    os.chown(file, 12345, -1)
    assert answer() == 42
    assert renewed(file)


def test_a_link_is_not_followed(file, tmp_path):
    elsewhere = file.rename(tmp_path / "elsewhere")
    file.symlink_to(elsewhere)
    assert answer() == 42
    assert renewed(file)
    assert elsewhere.read_bytes() == PLANTED
    folder = file.parent.rename(tmp_path / "folder")
    (folder / file.name).write_bytes(PLANTED)
    file.parent.symlink_to(folder)
    assert answer() == 42
    assert file.read_bytes() == PLANTED


def test_what_is_no_file_is_not_read(file):
    file.unlink()
    os.mkfifo(file, 0o600)  # to read it would wait for ever
    assert answer() == 42
    assert renewed(file)


@pytest.mark.parametrize(
    "content",
    [b"", PLANTED[:20], PLANTED[:-1], PLANTED[:-9] + b"?" + PLANTED[-8:], kept(b"no module"), kept(b"")],
)
def test_what_is_not_whole_is_not_loaded(file, content):
    file.write_bytes(content)
    assert answer() == 42
    assert renewed(file)


def test_without_a_place_for_a_cache_all_goes_on(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert answer() == 42
    monkeypatch.setenv("XDG_CACHE_HOME", "a/relative/path")  # which the standard says to ignore
    monkeypatch.chdir(tmp_path)
    assert embedded.cache_folder() is None
    assert answer() == 42
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    monkeypatch.setattr(os, "name", "nt")
    assert embedded.cache_folder() is None


def test_the_second_command_compiles_nothing(tmp_path):
    code = """
import wasmtime
from tinygrad_edu.see.draw.embedded import render
made, new = [], wasmtime.Module.__init__
wasmtime.Module.__init__ = lambda self, *args: made.append(self) or new(self, *args)
print(len(made), render("digraph { a -> b }", "dot").decode()[:40], len(made))
"""
    environment = os.environ | {"XDG_CACHE_HOME": str(tmp_path)}
    command = [sys.executable, "-c", code]
    first, second = (subprocess.check_output(command, env=environment, text=True) for _ in range(2))
    assert first.endswith(" 1\n")
    assert second == first.replace(" 1\n", " 0\n")
