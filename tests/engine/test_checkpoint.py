"""What a folder of checkpoints says of itself, how many stay in it, and who may read beside its writer."""

from __future__ import annotations

import functools
import gc
import hashlib
import json
import os
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from support.checkpoints import newest, number_of, save, state, temporary

from engine import contents
from engine.checkpoint import Checkpoints, nbytes, room
from engine.manifest import Entry, parse


def test_torch_and_sha256sum_read_the_files_too(tmp_path):
    """Nobody is locked in: a file is an ordinary one for torch.load, and the manifest has what sha256sum prints."""
    saved = save(Checkpoints(tmp_path), 7)
    path = tmp_path / saved.file
    assert number_of(torch.load(path, weights_only=True)) == 7
    row = json.loads((tmp_path / "manifest.json").read_text())["checkpoints"][0]
    assert row["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (row["file"], row["size"]) == (path.name, path.stat().st_size)


def test_the_entry_says_what_was_saved(tmp_path):
    store = Checkpoints(tmp_path / "made" / "with the first")
    saved = store.save(state(1), epochs=3, batch=40, kind="minutes", best=True)
    assert saved.file == "000001-minutes-3+40.pt"
    assert saved.seconds > 0
    entry = Checkpoints(store.folder).entries[0]
    assert (entry.epochs, entry.batch, entry.kind, entry.best, entry.pinned, entry.size) == (
        3, 40, "minutes", True, False, saved.size,
    )  # fmt: skip
    for wrong in ({"kind": "../../x"}, {"kind": ""}, {"epochs": -1}):
        with pytest.raises(ValueError, match="not a kind"):
            save(store, 2, **wrong)
    with pytest.raises(ValueError, match="at least 1"):
        Checkpoints(tmp_path, keep=0)


def test_an_empty_or_absent_folder_has_nothing_and_no_problems(tmp_path):
    assert newest(tmp_path) == (-1, [])
    assert newest(tmp_path / "absent") == (-1, [])
    assert not (tmp_path / "absent").exists()


# -- what stays ---------------------------------------------------------------------------------------------------------


def files(folder: Path) -> set[int]:
    """The numbers of the checkpoints on disk."""
    return {int(path.name.split("-")[-1].removesuffix(".pt")) for path in folder.glob("*.pt")}


def test_the_last_k_the_best_and_those_before_edits_stay(tmp_path):
    store = Checkpoints(tmp_path, keep=2)
    for number in range(1, 21):
        save(store, number, best=number in (3, 5), edit={4: 1, 10: 2}.get(number, 0))
        assert {entry.epochs for entry in store.entries} == files(tmp_path)
    assert files(tmp_path) == {4, 5, 10, 19, 20}
    for known in (store, Checkpoints(tmp_path)):
        assert known.best_entry is not None
        assert known.best_entry.epochs == 5
        assert [entry and entry.epochs for entry in map(known.before_edit, (1, 2, 3))] == [4, 10, None]
        entry = known.before_edit(2)
        assert entry is not None
        assert number_of(known.load(entry).content) == 10


def test_ten_pinned_ones_stay_and_the_oldest_go_first(tmp_path):
    store = Checkpoints(tmp_path, keep=1)
    for number in range(1, 31):
        save(store, number, pinned=number <= 15)
    assert files(tmp_path) == {*range(6, 16), 30}


def test_after_going_back_the_newest_saved_is_the_newest(tmp_path):
    store = Checkpoints(tmp_path, keep=2)
    for number in (8, 9, 3):
        save(store, number, edit=1 if number != 9 else 0)
    assert newest(tmp_path) == (3, [])
    again = Checkpoints(tmp_path)
    entry = again.before_edit(1)
    assert entry is not None
    assert entry.epochs == 3  # taken back and made anew, an edit has the newer checkpoint
    assert save(again, 4).serial == 4


def test_there_is_a_whole_checkpoint_at_every_instant(tmp_path, monkeypatch):
    """Looked at before and after each call that changes a name on the disk."""
    store = Checkpoints(tmp_path, keep=1)
    save(store, 1)
    seen = []

    def watched(call):
        def look(*args, **kwargs):
            seen.append(Checkpoints(tmp_path, read_only=True).load_newest())
            result = call(*args, **kwargs)
            seen.append(Checkpoints(tmp_path, read_only=True).load_newest())
            return result

        return look

    for name in ("replace", "unlink", "fsync"):
        monkeypatch.setattr(os, name, watched(getattr(os, name)))
    for number in (2, 3):
        save(store, number)
    numbers = [number_of(loaded.content) for loaded in seen if loaded is not None]
    assert len(numbers) == len(seen) >= 20
    assert numbers == sorted(numbers)
    assert set(numbers) == {1, 2, 3}


# -- reading beside a writer ----------------------------------------------------------------------------------------------


def test_a_reader_changes_nothing(tmp_path):
    store = Checkpoints(tmp_path)
    save(store, 1)
    (tmp_path / ".000002-epoch-2.pt.123.tmp").write_bytes(b"being written by somebody")
    before = sorted(os.listdir(tmp_path))
    reader = Checkpoints(tmp_path, read_only=True)
    loaded = reader.load_newest()
    assert loaded is not None
    assert number_of(loaded.content) == 1
    assert sorted(os.listdir(tmp_path)) == before
    with pytest.raises(ValueError, match="read only"):
        save(reader, 2)
    Checkpoints(tmp_path)
    assert not temporary(tmp_path)


@pytest.mark.parametrize("saves", [50, pytest.param(500, marks=pytest.mark.soak)])
def test_a_reader_never_finds_nothing_while_another_saves(tmp_path, saves):
    store = Checkpoints(tmp_path, keep=1)
    save(store, 1, best=True)
    done = threading.Event()

    def write():
        for number in range(2, saves):
            save(store, number)
        done.set()

    writer = threading.Thread(target=write)
    writer.start()
    numbers, problems = [], []
    reader = Checkpoints(tmp_path, read_only=True)
    while not done.is_set():
        loaded = reader.load_newest(problems)
        assert loaded is not None
        numbers.append(number_of(loaded.content))
    writer.join()
    assert not problems
    assert numbers == sorted(numbers)  # the old best one is never taken for the newest
    assert len(set(numbers)) > 3


# -- room -----------------------------------------------------------------------------------------------------------------


def test_the_size_is_known_beforehand(tmp_path):
    model = torch.nn.Sequential(torch.nn.Linear(64, 200), torch.nn.Linear(200, 300))
    optimizer = torch.optim.Adam(model.parameters())
    model(torch.ones(1, 64)).sum().backward()
    optimizer.step()
    weights = torch.arange(5000.0)
    for content in (
        {"model": model.state_dict(), "optimizer": optimizer.state_dict()},
        {"views": [weights[:10], weights[10:20]], "text": "x" * 10_000},
    ):
        size = Checkpoints(tmp_path).save(content, epochs=1, batch=0, kind="epoch").size
        assert 0.9 * size < nbytes(content) < 1.2 * size + 2000


def test_too_little_room_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(contents.shutil, "disk_usage", lambda place: SimpleNamespace(free=30_000_000))
    absent = tmp_path / "not yet" / "there"
    assert room(absent, 10_000_000) == ""
    warning = room(absent, 10_000_001)
    assert "30.0 MB" in warning
    assert str(tmp_path) in warning
    assert "\n" not in warning


def test_many_saves_leave_no_open_files_and_no_memory(tmp_path):
    store = Checkpoints(tmp_path)
    save(store, 1)
    gc.collect()
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for number in range(2, 60):
        save(store, number)
        loaded = store.load_newest()
        assert loaded is not None
        assert number_of(loaded.content) == number
    assert not before or len(os.listdir("/proc/self/fd")) == before
    assert len(os.listdir(tmp_path)) == 3


def test_two_kills_between_a_file_and_its_listing_are_no_damage(tmp_path):
    """Each leaves a whole file that no manifest knows; whoever opens the folder next lists it."""

    def killed(self: Checkpoints, entries: list[Entry]) -> None:
        os._exit(9)

    for _ in range(2):
        pid = os.fork()
        if pid == 0:
            there = Checkpoints(tmp_path)
            there._list = functools.partial(killed, there)  # type: ignore[method-assign]
            there._write(there._job(state(1), len(there.entries) + 1, 0, "epoch", False, False, 0))
            os._exit(1)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 9
    problems: list[str] = []
    found = Checkpoints(tmp_path).load_newest(problems)
    assert found is not None and found.entry.epochs == 2 and problems == []
    assert [entry.epochs for entry in parse((tmp_path / "manifest.json").read_bytes())] == [1, 2]
