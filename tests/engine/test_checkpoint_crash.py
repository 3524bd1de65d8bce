"""Kills, power cuts and full disks at every point of a save: a whole checkpoint is found, and the newest that was told of."""

from __future__ import annotations

import errno
import mmap
import os
import random
import resource
import signal
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from support import disk
from support.checkpoints import newest, number_of, save, state, temporary
from support.crashes import Recorder

from engine import checkpoint as module
from engine.checkpoint import Checkpoints
from engine.durable import NewFile
from engine.manifest import MANIFEST_FILE

WAIT = 60.0  # seconds until a test gives up on a condition; never waited for in full when all is well

# -- power cuts ---------------------------------------------------------------------------------------------------------


def power_cuts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, saves: int) -> list[str]:
    """Save with `keep=1`, cut the power everywhere; what was found wrong, and that there was enough to look at."""
    folder = tmp_path / "checkpoints"
    folder.mkdir()
    recorder = Recorder(folder)
    with monkeypatch.context() as patch:
        recorder.install(patch)
        store = Checkpoints(folder, keep=1)
        for number in range(1, saves + 1):
            store.save(state(number, 50), epochs=number, batch=0, kind="epoch", best=number == 2, edit=int(number == 3))
            recorder.done = number
    wrong, seen = [], set()
    for count, (done, written) in enumerate(recorder.disks()):
        known = hash((done, tuple(sorted(written.items()))))
        if known in seen:
            continue
        seen.add(known)
        found = tmp_path / f"cut-{count}"
        found.mkdir()
        for name, content in written.items():
            (found / name).write_bytes(content)
        number, problems = newest(found)
        if number not in (done or -1, done + 1) or problems:
            wrong.append(f"{number} after {done}: {problems}")
        elif temporary(found):
            wrong.append(f"left: {temporary(found)}")
        else:
            save(Checkpoints(found), 99)
            if newest(found) != (99, []):
                wrong.append("the next save")
    assert len(seen) >= 8 * saves
    return wrong


def test_a_power_cut_at_any_point_costs_no_checkpoint_that_was_told_of(tmp_path, monkeypatch):
    assert power_cuts(tmp_path, monkeypatch, 4) == []


def without_syncing_files(monkeypatch):
    def publish(file: NewFile) -> None:
        assert file._file is not None
        os.close(file._file)
        file._file = None
        os.replace(file._temporary, file.path)

    monkeypatch.setattr(NewFile, "publish", publish)


def without_syncing_the_folder(monkeypatch):
    monkeypatch.setattr(module, "sync_folder", lambda folder: None)


def with_removing_first(monkeypatch):
    kept = Checkpoints._to_keep

    def to_keep(self, new):
        entries = kept(self, new)
        for name in self._names():
            if name not in {entry.file for entry in entries}:
                os.unlink(self.folder / name)
        return entries

    monkeypatch.setattr(Checkpoints, "_to_keep", to_keep)


@pytest.mark.parametrize("worse", [without_syncing_files, without_syncing_the_folder, with_removing_first])
def test_a_step_left_out_or_out_of_order_is_found(worse, tmp_path, monkeypatch):
    """Negative controls of the check above."""
    worse(monkeypatch)
    assert power_cuts(tmp_path, monkeypatch, 3)


# -- errors of the disk -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EDQUOT, errno.EROFS])
def test_an_error_at_any_call_leaves_the_older_ones_and_the_next_save_works(code, tmp_path, monkeypatch):
    """The n-th call to the system fails, and every one after it for as long as the save goes on; for each n."""
    store = Checkpoints(tmp_path, keep=1)
    save(store, 1)
    save(store, 2, pinned=True)
    number, failing, failed = 2, 0, 0
    while True:
        calls = 0

        def counted(call, failing=failing):
            def count(*args, **kwargs):
                nonlocal calls
                calls += 1
                if calls > failing:
                    raise OSError(code, os.strerror(code))
                return call(*args, **kwargs)

            return count

        with monkeypatch.context() as patch:
            for name in ("open", "write", "fsync", "replace"):
                patch.setattr(os, name, counted(getattr(os, name)))
            try:
                save(store, number + 1)
            except OSError as error:
                assert error.errno == code
                failed += 1
            else:
                break
        assert not temporary(tmp_path)
        found, problems = newest(tmp_path)
        # The folder's last sync comes after the manifest, so that the new one is found although it counts as failed.
        assert found in (number, number + 1)
        assert not problems
        number += 2
        save(store, number)
        assert newest(tmp_path) == (number, [])
        assert {path.name for path in tmp_path.iterdir()} == {*(entry.file for entry in store.entries), MANIFEST_FILE}
        failing += 1
    assert failed == calls > 20


def test_a_call_that_takes_only_a_part_is_repeated(tmp_path, monkeypatch):
    real = os.write
    monkeypatch.setattr(os, "write", lambda file, data: real(file, memoryview(data)[:7]))
    save(Checkpoints(tmp_path), 1)
    assert newest(tmp_path) == (1, [])
    monkeypatch.setattr(os, "write", lambda file, data: 0)
    with pytest.raises(OSError, match="Input/output"):
        save(Checkpoints(tmp_path), 2)
    assert newest(tmp_path) == (1, [])


def test_a_file_system_that_cannot_sync_folders_will_do(tmp_path, monkeypatch):
    real = os.fsync

    def fsync(file):
        if os.path.isdir(f"/proc/self/fd/{file}"):
            raise OSError(errno.EINVAL, "Invalid argument")
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    save(Checkpoints(tmp_path), 1)
    assert newest(tmp_path) == (1, [])


def test_a_place_that_cannot_be_written_to_is_said_and_can_be_mended(tmp_path):
    (tmp_path / "in the way").write_text("")
    store = Checkpoints(tmp_path / "in the way" / "checkpoints")
    for _ in range(2):
        with pytest.raises(OSError):
            save(store, 1)
    (tmp_path / "in the way").unlink()
    save(store, 2)
    assert newest(store.folder) == (2, [])
    for path in store.folder.iterdir():  # somebody tidies up while training goes on
        path.unlink()
    store.folder.rmdir()
    save(store, 3)
    assert newest(store.folder) == (3, [])


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for root")
def test_a_read_only_folder(tmp_path):
    store = Checkpoints(tmp_path)
    save(store, 1)
    tmp_path.chmod(0o555)
    try:
        with pytest.raises(PermissionError):
            save(store, 2)
        assert newest(tmp_path) == (1, [])
    finally:
        tmp_path.chmod(0o755)
    save(store, 3)
    assert newest(tmp_path) == (3, [])


def test_what_cannot_be_removed_does_not_fail_the_save(tmp_path, monkeypatch):
    store = Checkpoints(tmp_path, keep=1)
    save(store, 1)
    real, kept = os.unlink, ["-1.pt", "-2.pt"]

    def refuse(path, **named):
        if str(path).endswith(tuple(kept)):
            raise PermissionError(errno.EPERM, "Operation not permitted")
        real(path, **named)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", refuse)
        save(store, 2)
        save(store, 3)
        assert newest(tmp_path) == (3, [])
        assert len(list(tmp_path.glob("*.pt"))) == 3
        kept.remove("-2.pt")
        save(store, 4)  # one that stays does not keep the others
        assert sorted(path.name[-5:] for path in tmp_path.glob("*.pt")) == ["-1.pt", "-4.pt"]

        def unlisted(self):
            raise OSError(errno.EIO, "Input/output error")

        patch.setattr(Checkpoints, "_prune", unlisted)
        save(store, 5)
        assert newest(tmp_path) == (5, [])
    save(store, 6)
    assert len(list(tmp_path.glob("*.pt"))) == 1


# -- in a child process -----------------------------------------------------------------------------------------------------


def forked(work: Callable[[], None]) -> int:
    """The pid of a child that does `work` and ends; what goes wrong there is on its stderr, and its exit code is 1."""
    if pid := os.fork():
        return pid
    code = 1
    try:
        work()
        code = 0
    except BaseException:
        os.write(2, traceback.format_exc().encode())
    finally:
        os._exit(code)


def full_disk(folder: Path, count: int, pinned: int) -> None:
    """The limit on the size of files, at `count` random places of a save; to be called in a child."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    rng = random.Random(7)
    store = Checkpoints(folder)
    for number in range(1, pinned + 2):
        store.save(state(number, 2), epochs=number, batch=0, kind="epoch", pinned=number <= pinned)
    number = pinned + 1
    most = max(path.stat().st_size for path in folder.iterdir()) + 200
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    failed = 0
    for _ in range(count):
        before = sorted(os.listdir(folder))
        resource.setrlimit(resource.RLIMIT_FSIZE, (rng.randrange(most), hard))
        try:
            store.save(state(number + 1, 2), epochs=number + 1, batch=0, kind="epoch")
            number += 1
        except OSError as error:
            assert error.errno == errno.EFBIG
            failed += 1
            assert sorted(os.listdir(folder)) == before
            assert newest(folder) == (number, [])
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        number += 1
        store.save(state(number, 2), epochs=number, batch=0, kind="epoch")
        assert newest(folder) == (number, [])
    assert failed > count / 2
    assert not temporary(folder)


@pytest.mark.parametrize(
    "pinned", [0, 10], ids=["checkpoint", "manifest"]
)  # with ten pinned, the manifest is the larger
@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.soak)])
def test_a_disk_full_after_any_number_of_bytes(count, pinned, tmp_path):
    _, status = os.waitpid(forked(lambda: full_disk(tmp_path, count, pinned)), 0)
    assert status == 0


# -- kills ------------------------------------------------------------------------------------------------------------------


class InPlace:
    """What not to do: one file, written over again and again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def save(self, content, **about) -> None:
        torch.save(content, self.folder / "latest.pt")


def newest_in_place(folder: Path) -> tuple[int, list[str]]:
    try:
        return number_of(torch.load(folder / "latest.pt", weights_only=True)), []
    except Exception as error:
        return -1, [str(error)]


def kills(
    folder: Path, count: int, open_store: Callable[[Path], object], look: Callable[[Path], tuple[int, list[str]]]
):
    """Kill a child `count` times while it saves one checkpoint after the other, each child going on where it stood.

    How often it was inside a save, how many temporary files it left, and what was wrong afterwards.
    """
    shared = mmap.mmap(-1, 4096)
    rng = random.Random(5)
    number = inside = left = 0
    wrong: list[str] = []

    def mark(place: int, value: int) -> None:
        shared[place : place + 8] = value.to_bytes(8, "little")

    def read(place: int) -> int:
        return int.from_bytes(shared[place : place + 8], "little")

    def work() -> None:
        store: Checkpoints = open_store(folder)  # type: ignore[assignment]
        at = number
        while True:
            at += 1
            content = state(at, 20_000)
            mark(16, at)
            mark(0, 1)
            if at % 2 and isinstance(store, Checkpoints):
                store.save_soon(content, epochs=at, batch=0, kind="epoch", best=at % 5 == 0)
                store.flush()
            else:
                store.save(content, epochs=at, batch=0, kind="epoch", best=at % 5 == 0)
            mark(0, 0)
            mark(8, at)

    for _ in range(count):
        pid = forked(work)
        began, until = read(8), time.perf_counter() + rng.uniform(0, 0.02)
        while read(8) == began or time.perf_counter() < until:  # at least one save, then any instant
            assert time.perf_counter() < until + WAIT, "the child saves nothing"
        os.kill(pid, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
        inside += read(0)
        left += len(temporary(folder))
        number, problems = look(folder)
        if problems or not read(8) <= number <= read(16):
            wrong.append(f"{number}, told of {read(8)}, under way {read(16)}: {problems}")
        wrong += temporary(folder)
    return SimpleNamespace(inside=inside, left=left, wrong=wrong)


@pytest.mark.parametrize("count", [20, pytest.param(200, marks=pytest.mark.soak)])
def test_killed_at_any_instant(count, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "fsync", disk.FSYNC)  # most instants of a save are in there
    found = kills(tmp_path, count, Checkpoints, newest)
    assert found.wrong == []
    assert found.inside >= count / 4
    assert found.left >= count / 20
    assert len(list(tmp_path.glob("*.pt"))) <= 4


def test_saving_in_place_does_not_stand_the_same_kills(tmp_path, monkeypatch):
    """Negative control."""
    monkeypatch.setattr(os, "fsync", disk.FSYNC)
    assert kills(tmp_path, 20, InPlace, newest_in_place).wrong
