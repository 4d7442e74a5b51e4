"""A checkpoint is whole or absent, whatever happens while it is written or deleted."""

import errno
import os
import shutil
import stat
from pathlib import Path

import pytest

from paceline.checkpoints import CheckpointStore
from paceline.errors import CheckpointError
from paceline.events import Checkpoint


@pytest.fixture
def store(tmp_path):
    return CheckpointStore(tmp_path / "study" / "checkpoints")


def write(folder):
    (folder / "net.pt").write_bytes(b"12345")
    (folder / "parts").mkdir()
    (folder / "parts" / ".hidden").write_bytes(b"678")


def files(store):
    return sorted(str(path.relative_to(store.folder)) for path in store.folder.rglob("*") if path.is_file())


def failing(number):
    def fail(*_, **__):
        raise OSError(number, os.strerror(number))

    return fail


def test_a_checkpoint_is_there_once_it_is_saved(store):
    checkpoint = store.save(12, 27, 34, write)
    assert checkpoint == Checkpoint("000012/00000027-000034", 27, size_bytes=8)
    assert store.exists(checkpoint.key)
    assert (store.path(checkpoint.key) / "net.pt").read_bytes() == b"12345"
    assert store.keys() == [checkpoint.key]
    assert store.usage_bytes() == 8


def test_nothing_is_seen_while_it_is_written(store):
    def look(folder):
        write(folder)
        assert folder.parent == store.path("000000/00000001-000000").parent, (
            "renaming must not cross file systems"
        )
        assert store.keys() == []
        assert not store.exists("000000/00000001-000000")
        assert store.usage_bytes() == 8

    store.save(0, 1, 0, look)


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="shows what a descriptor is open on")
def test_all_is_synced_before_it_is_renamed_and_the_folder_after(store, monkeypatch):
    store.save(0, 1, 0, write)  # the folders above exist from here on
    done = []
    fsync = os.fsync
    monkeypatch.setattr(
        os, "fsync", lambda fd: (done.append(str(Path(f"/proc/self/fd/{fd}").readlink())), fsync(fd))
    )
    rename = Path.rename
    monkeypatch.setattr(Path, "rename", lambda *a: (done.append("rename"), rename(*a))[1])
    store.save(0, 2, 0, write)
    partial = store.folder / "000000" / ".00000002-000000.partial"
    renamed = done.index("rename")
    expected = {partial, partial / "net.pt", partial / "parts", partial / "parts" / ".hidden"}
    assert {str(path) for path in expected} <= set(done[:renamed])
    assert done[renamed + 1 :] == [str(store.folder / "000000")]


def test_a_zombie_cannot_overwrite_what_its_successor_wrote(store):
    old = store.save(3, 9, 1, write)
    new = store.save(3, 9, 2, write)
    assert store.keys() == [old.key, new.key]
    with pytest.raises(CheckpointError):
        store.save(3, 9, 2, write)
    assert store.keys() == [old.key, new.key]


def test_an_exception_of_the_training_passes_and_leaves_nothing(store):
    def fail(folder):
        write(folder)
        raise ValueError("no such layer")

    with pytest.raises(ValueError, match="no such layer"):
        store.save(0, 1, 0, fail)
    assert files(store) == []


def test_a_network_error_while_writing_is_the_trainings(store):
    with pytest.raises(ConnectionRefusedError):
        store.save(0, 1, 0, failing(errno.ECONNREFUSED))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EIO])
def test_trouble_with_the_disk_names_the_path_and_what_to_do(store, number):
    def fail(folder):
        write(folder)
        failing(number)()

    with pytest.raises(CheckpointError) as caught:
        store.save(0, 1, 0, fail)
    message = str(caught.value)
    assert str(store.folder) in message
    assert os.strerror(number) in message
    assert "The journal is intact" in message
    assert files(store) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full")
def test_a_disk_that_is_truly_full_is_told(store):
    with pytest.raises(CheckpointError, match="Free some space"):
        store.save(0, 1, 0, lambda _: Path("/dev/full").write_bytes(b"x"))
    assert files(store) == []


@pytest.mark.parametrize("step", ["mkdir", "rename"])
def test_trouble_with_our_own_steps_is_told_alike(store, monkeypatch, step):
    monkeypatch.setattr(Path, step, failing(errno.ENOSPC))
    with pytest.raises(CheckpointError, match="Free some space"):
        store.save(0, 1, 0, write)
    assert not store.folder.exists() or files(store) == []


def test_trouble_while_syncing_is_told_alike(store, monkeypatch):
    monkeypatch.setattr(os, "fsync", failing(errno.EIO))
    with pytest.raises(CheckpointError, match="system's log"):
        store.save(0, 1, 0, write)


def test_a_full_disk_is_recognized_behind_another_exception(store, monkeypatch):
    def fail(_):
        raise RuntimeError("PytorchStreamWriter failed writing file")

    usage = shutil.disk_usage("/")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=0))
    with pytest.raises(CheckpointError, match="No space left") as caught:
        store.save(0, 1, 0, fail)
    assert isinstance(caught.value.__cause__, RuntimeError)


def test_a_folder_that_is_a_file_is_told(tmp_path):
    (tmp_path / "checkpoints").write_text("")
    with pytest.raises(CheckpointError, match="checkpoints"):
        CheckpointStore(tmp_path / "checkpoints").save(0, 1, 0, write)


def test_links_and_pipes_in_a_checkpoint_do_not_block(store, tmp_path):
    (tmp_path / "data").write_bytes(b"x" * 100)

    def odd(folder):
        (folder / "link").symlink_to(tmp_path / "data")
        os.mkfifo(folder / "pipe")

    assert store.save(0, 1, 0, odd).size_bytes == 0


def test_deleting_is_idempotent_and_removes_an_empty_trial(store):
    first, second = store.save(5, 1, 0, write), store.save(5, 2, 0, write)
    store.delete(first.key)
    store.delete(first.key)
    assert store.keys() == [second.key]
    store.delete(second.key)
    assert list(store.folder.iterdir()) == []


def test_a_half_deleted_checkpoint_is_never_seen(store, monkeypatch):
    checkpoint = store.save(0, 1, 0, write)

    def die(path):
        (path / "net.pt").unlink()
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", die)
        with pytest.raises(KeyboardInterrupt):
            store.delete(checkpoint.key)
    assert not store.exists(checkpoint.key)
    assert store.keys() == []
    store.sweep([])
    assert files(store) == []


def test_a_folder_that_cannot_be_changed_is_told_when_deleting(store, monkeypatch):
    checkpoint = store.save(0, 1, 0, write)
    monkeypatch.setattr(Path, "rename", failing(errno.EACCES))
    with pytest.raises(CheckpointError, match="Make it writable"):
        store.delete(checkpoint.key)


def test_a_sweep_leaves_what_is_needed_and_what_is_not_ours(store):
    kept, dropped = store.save(0, 1, 0, write), store.save(1, 1, 1, write)

    partial = store.folder / "000002" / ".00000001-000002.partial"
    partial.mkdir(parents=True)
    write(partial)
    (store.folder / "000000" / "notes.txt").write_text("mine")
    (store.folder / "000000" / ".nfs0001").write_text("the system's")
    store.sweep({kept.key, "000009/00000001-000009"})
    assert store.keys() == [kept.key]
    assert not store.exists(dropped.key)
    assert files(store) == [
        "000000/.nfs0001",
        "000000/00000001-000000/net.pt",
        "000000/00000001-000000/parts/.hidden",
        "000000/notes.txt",
    ]


def test_a_store_without_a_folder_is_empty(store):
    assert store.keys() == []
    assert store.usage_bytes() == 0
    store.sweep([])
    store.delete("000000/00000001-000000")
    assert not store.folder.exists()


@pytest.mark.parametrize(
    "key", ["", "/", "../../home", "000000/../../../etc", "000000", "000000/00000001-000000/..", "x\n"]
)
def test_a_key_cannot_lead_out_of_the_folder(store, key):
    for ask in (store.path, store.exists, store.delete):
        with pytest.raises(CheckpointError, match="no key"):
            ask(key)


def test_the_folder_stays_where_it_was_when_training_goes_elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    store = CheckpointStore(Path("checkpoints"))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    store.save(0, 1, 0, write)
    assert (tmp_path / "checkpoints" / "000000").is_dir()


def test_modes_are_left_alone(store):
    def write_read_only(folder):
        (folder / "net.pt").touch(mode=0o400)

    path = store.path(store.save(0, 1, 0, write_read_only).key)
    assert stat.S_IMODE((path / "net.pt").stat().st_mode) == 0o400
    store.delete("000000/00000001-000000")
    assert store.keys() == []
