"""Damaged checkpoints and manifests: the exact newest or the exact one before is loaded, and the damage is named."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import random
import shutil
import time
from pathlib import Path

import pytest
import torch
from support.checkpoints import newest, number_of, save, state, temporary

from engine.checkpoint import CheckpointError, Checkpoints
from engine.manifest import LAST_LINE, MANIFEST_FILE, parse, render


@pytest.fixture
def folder(tmp_path) -> Path:
    """A folder with the checkpoints 1 (best), 4 and 5."""
    store = Checkpoints(tmp_path / "checkpoints")
    for number in range(1, 6):
        save(store, number, best=number == 1)
    return store.folder


def file_of(folder: Path, number: int) -> Path:
    (path,) = folder.glob(f"*-{number}.pt")
    return path


def damage(raw: bytes, rng: random.Random) -> tuple[str, bytes]:
    """One bit flipped, or the end cut off, or something appended."""
    kind = rng.choice(["flip", "flip", "flip", "cut", "cut", "append"])
    place = rng.randrange(len(raw)) if rng.random() < 0.7 else len(raw) - 1 - rng.randrange(min(400, len(raw)))
    if kind == "flip":
        bit = rng.randrange(8)
        return f"bit {bit} of byte {place}", raw[:place] + bytes([raw[place] ^ (1 << bit)]) + raw[place + 1 :]
    if kind == "cut":
        return f"cut to {place}", raw[:place]
    return "appended", raw + raw[-(1 + place % 64) :]


def rotten(folder: Path, path: Path, count: int, expected: int, seed: int) -> None:
    """Damage `path` in `count` ways, one at a time: `expected` is loaded each time, and the file is named each time."""
    whole = path.read_bytes()
    rng = random.Random(seed)
    for _ in range(count):
        how, raw = damage(whole, rng)
        path.write_bytes(raw)
        number, problems = newest(folder)
        assert number == expected, how
        assert len(problems) == 1, (how, problems)
        assert problems[0].startswith(f"{path.name}: is damaged"), how
        path.write_bytes(whole)
    assert newest(folder) == (5, [])


def rot_of_the_newest(folder: Path, count: int) -> None:
    rotten(folder, file_of(folder, 5), count, expected=4, seed=11)


def rot_of_the_manifest(folder: Path, count: int) -> None:
    rotten(folder, folder / MANIFEST_FILE, count, expected=5, seed=12)


def rot_of_both(folder: Path, count: int) -> None:
    paths = [folder / MANIFEST_FILE, file_of(folder, 5)]
    whole = [path.read_bytes() for path in paths]
    rng = random.Random(13)
    for _ in range(count):
        hows = []
        for path, raw in zip(paths, whole, strict=True):
            how, raw = damage(raw, rng)
            hows.append(how)
            path.write_bytes(raw)
        number, problems = newest(folder)
        assert number == 4, hows
        assert sorted(line.split(":")[0] for line in problems) == sorted(path.name for path in paths), hows


ROTS = [rot_of_the_newest, rot_of_the_manifest, rot_of_both]


@pytest.mark.parametrize("rot", ROTS)
def test_rot(rot, folder):
    rot(folder, 100)


@pytest.mark.soak
@pytest.mark.parametrize("rot", ROTS)
def test_rot_at_length(rot, folder):
    rot(folder, 1000)


@pytest.mark.soak
@pytest.mark.parametrize("name", ["newest", "manifest"])
def test_every_single_bit_of_what_describes_a_checkpoint(name, folder):
    path = folder / MANIFEST_FILE if name == "manifest" else file_of(folder, 5)
    whole = path.read_bytes()
    for place in range(max(0, len(whole) - 1200), len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ (1 << bit)]) + whole[place + 1 :])
            number, problems = newest(folder)
            assert number == (5 if name == "manifest" else 4), (place, bit)
            assert len(problems) == 1
            assert problems[0].startswith(path.name)


def test_without_the_proof_the_same_flips_load_silently_wrong(folder):
    """Negative control: PyTorch's own format does not notice, so the checks above are what keeps wrong numbers out."""
    whole = file_of(folder, 5).read_bytes()
    rng = random.Random(11)
    silent = 0
    for _ in range(60):
        _, raw = damage(whole, rng)
        path = folder / "copy"
        path.write_bytes(raw)
        try:
            content = torch.load(path, weights_only=True)
        except Exception:  # whatever it says, it has noticed
            continue
        try:
            number_of(content)
        except Exception:
            silent += 1
    assert silent >= 10


def test_a_missing_manifest_is_named_and_not_missed(folder):
    (folder / MANIFEST_FILE).unlink()
    number, problems = newest(folder)
    assert number == 5
    assert [line.split(";")[0] for line in problems] == ["manifest.json: is missing"]
    store = Checkpoints(folder)
    assert [entry.epochs for entry in store.entries] == [1, 4, 5]
    assert store.best_entry is not None
    assert store.best_entry.epochs == 1
    save(store, 6)
    assert newest(folder) == (6, [])
    assert [entry.epochs for entry in Checkpoints(folder).entries] == [1, 5, 6]


def test_a_missing_checkpoint_is_named(folder):
    gone = file_of(folder, 5)
    gone.unlink()
    number, problems = newest(folder)
    assert number == 4
    assert problems == [f"{gone.name}: is missing"]
    store = Checkpoints(folder)
    save(store, 6)
    assert newest(folder) == (6, [])
    assert {entry.epochs for entry in store.entries} == {1, 4, 6}


def test_an_unreadable_file_is_named(folder, monkeypatch):
    path = file_of(folder, 5)
    path.unlink()
    path.mkdir()
    number, problems = newest(folder)
    assert number == 4
    assert problems[0].startswith(f"{path.name}: cannot be read (")
    path.rmdir()
    (folder / MANIFEST_FILE).unlink()
    (folder / MANIFEST_FILE).mkdir()
    number, problems = newest(folder)
    assert number == 4
    assert problems[0].startswith(f"{MANIFEST_FILE}: cannot be read (")


def test_when_all_are_damaged_there_is_none_and_each_is_named(folder):
    for path in folder.glob("*.pt"):
        path.write_bytes(path.read_bytes()[:-1])
    number, problems = newest(folder)
    assert number == -1
    assert len(problems) == 3


def test_after_a_damaged_one_saving_goes_on_and_a_whole_one_always_stays(folder):
    damaged = file_of(folder, 5)
    damaged.write_bytes(b"")
    store = Checkpoints(folder, keep=1)
    assert store.load_newest([]) is not None
    saved = save(store, 5)
    assert saved.serial > int(damaged.name[:6])
    assert newest(folder) == (5, [])
    assert not damaged.exists()
    store = Checkpoints(folder, keep=2)
    file_of(folder, 5).write_bytes(b"")
    loaded = store.load_newest([])
    assert loaded is not None
    assert loaded.entry.epochs == 1  # the best one was kept, and so is what there is to go on from


def test_a_manifest_that_vouches_for_a_damaged_file_is_not_believed(folder):
    path = file_of(folder, 5)
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(raw)
    entries = parse((folder / MANIFEST_FILE).read_bytes())
    forged = dataclasses.replace(entries[-1], sha256=hashlib.sha256(raw).hexdigest())
    (folder / MANIFEST_FILE).write_bytes(render([*entries[:-1], forged]))
    number, problems = newest(folder)
    assert number == 4
    assert problems == [f"{path.name}: is damaged (does not match its own checksum)"]


def test_a_whole_file_that_is_another_one_is_not_taken(folder):
    path = file_of(folder, 5)
    path.write_bytes(file_of(folder, 4).read_bytes())  # both have the same size
    number, problems = newest(folder)
    assert (number, len(problems)) == (4, 1)
    (folder / MANIFEST_FILE).unlink()
    number, problems = newest(folder)
    assert number == 4
    assert problems[-1] == f"{path.name}: is not the checkpoint of that name but {file_of(folder, 4).name}"


def test_a_file_of_another_run_is_not_taken_for_ours(tmp_path, monkeypatch):
    """Same name, same size, whole: only the manifest knows."""
    monkeypatch.setattr(time, "time", lambda: 1.5e9)  # written in as many digits in both
    one, other = Checkpoints(tmp_path / "one"), Checkpoints(tmp_path / "other")
    for store in (one, other):
        save(store, 1)
        store.save(state(2 if store is one else 8), epochs=2, batch=0, kind="epoch")
    name = one.entries[-1].file
    shutil.copy(other.folder / name, one.folder / name)
    assert newest(one.folder) == (1, [f"{name}: is damaged (does not match the manifest)"])


def test_an_old_manifest_does_not_hide_newer_checkpoints(folder):
    """As after a kill between the two renames, or a backup put back."""
    old = (folder / MANIFEST_FILE).read_bytes()
    store = Checkpoints(folder)
    save(store, 6)
    (folder / MANIFEST_FILE).write_bytes(old)
    assert newest(folder)[0] == 6


def test_what_a_cut_short_prune_left_is_the_last_resort(folder):
    """Not listed any more, but whole: better than nothing when all others are damaged, and removed with the next save."""
    path = file_of(folder, 4)
    left = path.read_bytes()
    store = Checkpoints(folder, keep=1)
    save(store, 6)
    assert not path.exists()
    path.write_bytes(left)
    assert newest(folder) == (6, [])
    for listed in Checkpoints(folder).entries:
        (folder / listed.file).write_bytes(b"")
    number, problems = newest(folder)
    assert (number, len(problems)) == (4, 2)
    again = Checkpoints(folder, keep=1)
    assert again.load_newest([]) is not None
    save(again, 7)
    assert [name for name in os.listdir(folder) if name.endswith(".pt")] == [again.entries[-1].file]


@pytest.mark.parametrize(
    "raw", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"checkpoints": [{}]}', LAST_LINE]
)
def test_anything_may_stand_in_the_place_of_a_manifest_or_checkpoint(raw, folder):
    (folder / MANIFEST_FILE).write_bytes(raw)
    assert newest(folder)[0] == 5
    file_of(folder, 5).write_bytes(raw)
    assert newest(folder)[0] == 4
    (folder / "000000-not-ours.pt").write_bytes(raw)
    (folder / "notes.txt").write_bytes(raw)
    assert newest(folder)[0] == 4
    assert save(Checkpoints(folder), 7).serial == 6


def test_a_manifest_cannot_lead_out_of_the_folder(folder, tmp_path):
    entry = parse((folder / MANIFEST_FILE).read_bytes())[-1]
    for wrong in ({"kind": "x/../../../y"}, {"serial": "5"}, {"best": 1}, {"epochs": -3}, {"size": None}):
        try:
            raw = render([dataclasses.replace(entry, **wrong)])  # type: ignore[arg-type]
        except ValueError:
            continue
        with pytest.raises(ValueError, match="damaged"):
            parse(raw)


def test_a_whole_file_that_this_pytorch_cannot_read_is_named_and_kept(folder, monkeypatch):
    def fails(*args, **kwargs):
        raise RuntimeError("storage \x1b[31m has wrong byte size\nand more")

    monkeypatch.setattr(torch, "load", fails)
    number, problems = newest(folder)
    assert number == -1
    assert len(problems) == 3
    assert all("is whole, but PyTorch" in line and line.isprintable() for line in problems)
    monkeypatch.undo()
    assert newest(folder) == (5, [])
    store = Checkpoints(folder)
    entry = store.entries[-1]
    (folder / entry.file).write_bytes(b"")
    with pytest.raises(CheckpointError, match="is damaged"):
        store.load(entry)
    assert not temporary(folder)
