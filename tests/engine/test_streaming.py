"""Data that does not fit in memory: streamed by workers, with the numbers that it has in memory, and with nothing left behind."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from sklearn.datasets import load_digits
from support.owners import child, end, until
from support.resuming import assert_equal_runs, events_of, stopped_at, view_of
from support.sinks import Acting

from engine import events as e
from engine import resume, train
from engine.config import DataConfig
from engine.data import memorybudget, readers, seenbefore, stored, streaming
from engine.data.batches import Batches
from engine.data.memorybudget import LIMIT
from engine.data.prepared import load_prepared
from engine.data.stored import Store, Streamed
from engine.data.table import load
from engine.errors import CodeError, DataError, TrainingError
from engine.previewing import forget as forget_previews
from engine.previewing import preview_data
from engine.rundir import RunDir
from engine.strayoutput import StrayOutput
from engine.world import World

DIGITS = load_digits()
LITTLE = "0.0000002"  # GB, in which nothing has room here


@pytest.fixture
def little(monkeypatch):
    """`little()`: from now on there is no memory for data."""
    monkeypatch.delenv(LIMIT, raising=False)
    return lambda: monkeypatch.setenv(LIMIT, LITTLE)


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> Path:
    """150 of the digits as pictures, one of them larger than the others."""
    root = tmp_path_factory.mktemp("pictures") / "digits"
    for row in range(150):
        place = root / f"{DIGITS.target[row]}"
        place.mkdir(parents=True, exist_ok=True)
        side = 16 if row == 7 else 8
        picture = Image.fromarray((DIGITS.images[row] * 15).astype(np.uint8))
        picture.resize((side, side)).save(place / f"{row:03}.png")
    return root


@pytest.fixture
def own(tmp_path, monkeypatch):
    """A folder with data.py, which is the current one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.py").write_text(CODE)
    yield tmp_path
    forget_previews()


CODE = """
import os
import random
import numpy as np
from torch.utils.data import Dataset

class Items(Dataset):
    classes = ["low", "high"]
    def __init__(self, shape=(6,), rows=70, print=False, noisy=False, gap=-1, odd=-1, fails=-1):
        self.x = np.random.default_rng(rows).normal(3, 2, size=(rows, *shape)).astype(np.float32)
        self.print, self.noisy, self.odd, self.fails = print, noisy, odd, fails
        if gap >= 0: self.x[gap] = np.nan
    def __len__(self): return len(self.x)
    def __getitem__(self, i):
        if self.print:
            print("reading item", i)
            os.write(1, f"raw {i}\\n".encode())
        if i == self.fails: raise KeyError("no such thing")
        x = self.x[i] + (random.random() if self.noisy else 0)
        return (x[:-1] if i == self.odd else x), int(i % 2)

class Told(Items):
    def __init__(self, **named):
        super().__init__(**named)
        self.targets = [i % 2 for i in range(len(self.x))]

def parts():
    a, b = Items(rows=50), Items(rows=20)
    return {"train": a, "test": (b.x[:2], [0, 1]), "val": b}
"""


def no_workers() -> bool:
    return not multiprocessing.active_children()


def said(folder: str | Path) -> list[str]:
    return [one.text for one in events_of(folder, e.Noted)]


def streaming_note(notes: Any) -> str:
    return next((text for text in notes if text.startswith("streamed from ")), "")


# ---- equal to what lies in memory ----


@pytest.mark.parametrize(
    "sections",
    [
        {"model": {"kind": "cnn", "channels": [4]}, "regularization": {"shift": 1, "flip": True, "dropout": 0.2}},
        {"model": {"hidden": [9]}, "regularization": {"mixup": 0.3, "input_noise": 0.1}, "run": {"accumulate": 2}},
    ],
    ids=["cnn", "mlp"],
)
def test_a_streamed_run_is_the_resident_one_and_resumes_in_an_epoch(make_config, pictures, little, sections):
    run = {"epochs": 2, "batch_size": 17, "device": "cpu", **sections.get("run", {})}
    config = make_config(**{**sections, "data": {"source": str(pictures)}, "run": run})
    whole = train(config)
    little()
    streamed = train(config)
    assert no_workers()
    assert_equal_runs(whole.folder, streamed.folder)
    workers = "1 worker" if stored.worker_count() == 1 else f"{stored.worker_count()} workers"
    note = f"streamed from disk by {workers}: the inputs take 38.4 kB as 32-bit floats, and there is room for 0.2 kB"
    assert note in said(streamed.folder)
    assert "1 of 150 pictures had another size and were scaled" in said(streamed.folder)
    assert not streaming_note(said(whole.folder))
    folder = stopped_at(config, 14)  # the first batches of the second epoch are done
    assert no_workers()
    resume(folder)
    assert_equal_runs(whole.folder, folder)


def test_folds_and_restarts_train_one_after_another(make_config, pictures, little):
    trials = {"kind": "kfold", "folds": 3, "side_by_side": "on"}
    run = {"epochs": 1, "batch_size": 50, "device": "cpu"}
    config = make_config(data={"source": str(pictures)}, model={"hidden": [5]}, trials=trials, run=run)
    whole = train(config.model_copy(update={"trials": config.trials.model_copy(update={"side_by_side": "off"})}))
    little()
    streamed = train(config)
    assert "one after another: rows that are streamed are not batched over trials" in said(streamed.folder)
    assert [one.test_loss for one in streamed.trials] == [one.test_loss for one in whole.trials]
    assert no_workers()


class Half(World):
    """One of several ranks, which takes the fourth to the ninth row of each batch."""

    def taken(self, rows: int) -> slice:
        return slice(3, 9)


def test_batches_are_put_together_from_pieces_of_any_size(pictures, little, monkeypatch):
    config = DataConfig(
        source=str(pictures), image_size=5
    )  # 25 numbers, so that not every batch begins evenly in memory
    resident = load_prepared(config)
    little()
    prepared = load_prepared(config)
    assert prepared.preprocess == resident.preprocess
    state = torch.get_rng_state()
    monkeypatch.setattr(streaming, "piece_rows", lambda values: 7)
    device = torch.device("cpu")
    one = Batches(resident.x_train, resident.y_train, 25, device)
    two = streaming.batches_of(prepared.x_train, prepared.y_train, 25, device)
    assert (len(one), one.rows, one.batch_size) == (len(two), two.rows, two.batch_size)
    try:
        for done in (0, 2):
            orders = [torch.Generator().manual_seed(3) for _ in range(2)]
            pairs = list(zip(one.shuffled(orders[0], done), two.shuffled(orders[1], done), strict=True))
            assert len(pairs) == len(one) - done
            for (x, y), (other, target) in pairs:
                assert torch.equal(x, other) and torch.equal(y, target)
                assert x.data_ptr() % 64 == other.data_ptr() % 64
        next(two.in_order())  # and broken off
        half = streaming.StreamedBatches(prepared.x_train, prepared.y_train, 25, device, Half())
        whole = zip(one.in_order(), half.in_order(), strict=True)
        assert all(torch.equal(x[3:9], other) and torch.equal(y, target) for (x, y), (other, target) in whole)
        orders = [torch.Generator().manual_seed(3) for _ in range(2)]
        whole = zip(one.shuffled(orders[0], 1), half.shuffled(orders[1], 1), strict=True)
        assert all(torch.equal(x[3:9], other) and torch.equal(y, target) for (x, y), (other, target) in whole)
        large = zip(one.resized(60).in_order(), two.resized(60).in_order(), strict=True)
        assert all(torch.equal(x, other) and torch.equal(y, target) for (x, y), (other, target) in large)
        assert torch.equal(torch.get_rng_state(), state)  # nothing is drawn that dropout would have drawn
    finally:
        readers.close_readers()
    assert np.array_equal(prepared.x_test[3:5], resident.x_test[3:5])
    ends = [(float(part.x_test.min()), float(part.x_test.max())) for part in (prepared, resident)]
    assert ends[0] == ends[1]


def test_pictures_of_arrays_are_kept_as_bytes(tmp_path, make_config, little):
    x = np.random.default_rng(0).integers(0, 256, (60, 6, 6, 3), dtype=np.uint8)
    np.savez(tmp_path / "shots.npz", x=x, y=np.arange(60) % 2)
    run = {"epochs": 1, "batch_size": 20, "device": "cpu"}
    config = make_config(data={"source": str(tmp_path / "shots.npz")}, model={"kind": "cnn", "channels": [3]}, run=run)
    whole = train(config)
    os.environ[LIMIT] = "0.00001"  # bytes have room, floats have not
    streamed = train(config)
    assert_equal_runs(whole.folder, streamed.folder)
    assert any("kept as bytes: streamed from memory by" in text for text in said(streamed.folder))
    little()
    with pytest.raises(DataError, match=r"there is room for 0\.2 kB"):
        load(config.data)


@pytest.mark.parametrize("shape", [(6,), (5, 3), (1, 4, 4)], ids=["rows", "sequences", "pictures"])
def test_a_dataset_of_ones_own(own, make_config, little, shape):
    arguments = {"shape": list(shape)}
    model = {"kind": "gru"} if len(shape) == 2 else {"hidden": [4]}
    run = {"epochs": 1, "batch_size": 9, "device": "cpu"}
    config = make_config(data={"source": "data.py:Told", "arguments": arguments}, model=model, run=run)
    whole = train(config)
    little()
    streamed = train(config)
    assert streaming_note(said(streamed.folder)).startswith("streamed from Told by ")
    assert_equal_runs(whole.folder, streamed.folder)
    assert no_workers()


def test_parts_noise_and_gaps_of_a_dataset(own, little):
    def table(source: str = "data.py:Items", missing: str = "refuse", **arguments: Any):
        return load(DataConfig(source=source, arguments=arguments, missing=missing))

    resident = table("data.py:parts")
    noisy = table(noisy=True)
    assert "each is read once" in noisy.notes[0]
    little()
    parts = table("data.py:parts")
    assert isinstance(parts.x, Streamed)
    assert np.array_equal(parts.x[np.arange(72)], resident.x) and np.array_equal(parts.y, resident.y)
    assert parts.part is not None and np.array_equal(parts.part, resident.part)
    noisy = table(noisy=True)
    assert "each is drawn in the same way at every reading" in noisy.notes[1]
    assert np.array_equal(noisy.x[5:9], noisy.x[5:9])
    left = table(missing="drop", gap=4)
    assert (len(left.y), left.dropped) == (69, 1)
    with pytest.raises(DataError, match="in 1 samples, the first of them number 4; leave such samples out"):
        load_prepared(DataConfig(source="data.py:Items", arguments={"gap": 4}))
    with pytest.raises(CodeError, match="item 33 of Items has the shape"):
        table(odd=33)
    with pytest.raises(CodeError, match=r"item 40 of Items: KeyError: .*no such thing") as caught:
        table(fails=40)
    assert "data.py" in caught.value.faults[0].frames[0]
    assert no_workers()


# ---- previews ----


def test_a_preview_does_not_read_everything(own, pictures, little, monkeypatch):
    little()
    forget_previews()
    monkeypatch.setattr(stored.Store, "seen", None)
    for source in (str(pictures), "data.py:Told"):
        seen = preview_data(DataConfig(source=source))
        assert (seen.faults, len(seen.parts)) == ((), 3)
        assert streaming_note(seen.notes)
    assert len(preview_data(DataConfig(source=str(pictures))).pictures) > 0


# ---- what goes wrong ----


def test_pictures_that_cannot_be_read(pictures, make_config, little, tmp_path):
    root = tmp_path / "copy"
    shutil.copytree(pictures, root)
    little()
    config = make_config(data={"source": str(root)}, model={"hidden": [5]}, run={"epochs": 3, "device": "cpu"})
    victims = [sorted((root / label).iterdir())[2] for label in "38"]
    contents = [victim.read_bytes() for victim in victims]
    for victim in victims:
        victim.write_bytes(b"no picture")
    with pytest.raises(DataError) as caught:  # both at once, before there is a run
        train(config)
    lines = [fault.line() for fault in caught.value.faults]
    assert len(lines) == 2 and all(str(victim) in line for victim, line in zip(victims, lines, strict=True))
    assert not (tmp_path / "runs").exists() and no_workers()
    for victim, content in zip(victims, contents, strict=True):
        victim.write_bytes(content)

    def spoil(event: e.Event) -> None:
        if isinstance(event, e.EpochEnded):
            victims[0].unlink(missing_ok=True)

    with pytest.raises(TrainingError) as failed:
        train(config, [Acting(spoil)])
    assert str(victims[0]) in str(failed.value) and "\n" not in str(failed.value)
    assert no_workers()
    (folder,) = (tmp_path / "runs").iterdir()
    end_of_it = view_of(folder).end
    assert end_of_it is not None and end_of_it.reason == "failed" and str(victims[0]) in end_of_it.error


def test_workers_die_with_the_run_however_it_ends(pictures, little, monkeypatch):
    """A killed run takes its workers along at once, and a killed worker ends the run with a line."""
    little()
    monkeypatch.setattr(streaming, "piece_rows", lambda values: 2)
    prepared = load_prepared(DataConfig(source=str(pictures)))
    batches = streaming.batches_of(prepared.x_train, prepared.y_train, 10, torch.device("cpu"))

    def begun():
        flow = batches.shuffled(torch.Generator())
        next(flow)
        return flow

    with child(begun) as pid:
        workers = children_of(pid)
        assert len(workers) == stored.worker_count()
        end(pid, signal.SIGKILL)
        until(lambda: not any(alive(one) for one in workers), 4)  # by torch alone it would take five seconds
    flow = begun()
    for one in multiprocessing.active_children():
        assert one.pid is not None
        os.kill(one.pid, signal.SIGINT)  # Ctrl-C goes to all processes of a terminal
        os.kill(one.pid, signal.SIGHUP)
    next(flow)
    for one in multiprocessing.active_children():
        assert one.pid is not None
        os.kill(one.pid, signal.SIGKILL)
    with pytest.raises(TrainingError, match="a worker that reads the data was ended, perhaps for want of memory"):
        list(flow)
    readers.close_readers()
    assert no_workers()


def children_of(pid: int) -> list[int]:
    found = []
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                found += (
                    [int(folder.name)]
                    if int((folder / "stat").read_text().rpartition(")")[2].split()[1]) == pid
                    else []
                )
            except OSError:
                continue
    return found


def alive(pid: int) -> bool:
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def test_what_workers_print_goes_into_the_log(own, make_config, little, capfd):
    little()
    data = {"source": "data.py:Told", "arguments": {"print": True}}
    config = make_config(data=data, model={"hidden": [3]}, run={"epochs": 1, "device": "cpu"})
    with StrayOutput() as stray:
        folder = train(config, [stray]).folder
    printed = RunDir(Path(folder)).log.read_text()
    wanted = {f"{how} {row}" for row in range(70) for how in ("reading item", "raw")}  # raw: as libraries in C print
    assert wanted <= set(printed.splitlines())
    assert "reading item" not in capfd.readouterr().out


def test_little_shared_memory_is_no_hindrance(pictures, little, monkeypatch):
    little()
    prepared = load_prepared(DataConfig(source=str(pictures)))
    monkeypatch.setattr(readers, "_no_room_to_share", lambda: True)
    batches = streaming.batches_of(prepared.x_test, prepared.y_test, 4, torch.device("cpu"))
    x = torch.cat([x for x, _ in batches.in_order()])
    readers.close_readers()
    assert torch.equal(x, torch.from_numpy(prepared.x_test[:]))


def test_without_workers_the_process_reads_by_itself(pictures, little, monkeypatch):
    little()
    monkeypatch.setattr(readers, "worker_count", lambda: 0)
    prepared = load_prepared(DataConfig(source=str(pictures)))
    batches = streaming.batches_of(prepared.x_test, prepared.y_test, 4, torch.device("cpu"))
    x = torch.cat([x for x, _ in batches.in_order()])
    assert torch.equal(x, torch.from_numpy(prepared.x_test[:])) and no_workers()
    readers.close_readers()


# ---- how much there is room for ----


def test_room_in_a_container(tmp_path, monkeypatch, little):
    group = tmp_path / "jobs" / "seven"
    group.mkdir(parents=True)
    (tmp_path / "mine").write_text("0::/jobs/seven\n")
    for folder, limit in ((group, "max"), (group.parent, "1000")):
        (folder / "memory.max").write_text(f"{limit}\n")
        (folder / "memory.current").write_text("800\n")
        (folder / "memory.stat").write_text("anon 500\ninactive_file 250\n")
    assert memorybudget._left_in_groups(tmp_path, tmp_path / "mine") == [450]
    assert memorybudget._left_in_groups(tmp_path, tmp_path / "nothing") == []
    monkeypatch.setattr(memorybudget, "_left_in_groups", lambda: [900])
    assert memorybudget.budget() == 300
    monkeypatch.setenv(LIMIT, "2.5")
    assert memorybudget.budget() == 2_500_000_000
    assert memorybudget.size_words(2_500_000_000) == "2.5 GB"


def test_rows_cannot_be_taken_for_an_array(pictures, little):
    little()
    table = load(DataConfig(source=str(pictures)))
    with pytest.raises(TypeError, match="do not fit in memory"):
        np.asarray(table.x)
    assert table.x[3, :5].shape == (5,) and table.x[[1, 2]].shape == (2, 64)


# ---- what was seen before ----


def test_pictures_that_have_not_changed_are_not_read_again(pictures, little, monkeypatch, tmp_path):
    little()
    monkeypatch.setattr(seenbefore, "LEAST_ROWS", 100)
    monkeypatch.setattr(seenbefore, "KEPT", 2)
    copy = tmp_path / "copy"
    shutil.copytree(pictures, copy)

    def prepared(**knobs: Any):
        return load_prepared(DataConfig(source=str(copy), **knobs))

    read_once, first = Store._read_once, prepared()
    monkeypatch.setattr(Store, "_read_once", None)
    again = prepared()
    assert (again.preprocess, again.notes) == (first.preprocess, first.notes)
    (kept,) = Path(os.environ["NNTUI_CACHE"]).rglob("*.npz")
    content = kept.read_bytes()
    kept.write_bytes(content[:-30])  # damaged
    with pytest.raises(TypeError):
        prepared()
    kept.write_bytes(content)
    prepared()
    os.utime(next(copy.rglob("*.png")), ns=(1, 1))
    with pytest.raises(TypeError):
        prepared()
    monkeypatch.setattr(Store, "_read_once", read_once)
    prepared(), prepared(image_size=5), prepared(image_size=6)
    assert len(list(Path(os.environ["NNTUI_CACHE"]).rglob("*"))) == 3  # the folder and two files


def test_rows_that_have_no_room_on_the_device_stay_in_the_hosts_memory(make_config, monkeypatch):
    run = {"epochs": 2, "batch_size": 17, "device": "cpu"}
    config = make_config(data={"source": "wine"}, model={"hidden": [5]}, run=run)
    whole = train(config)
    monkeypatch.setattr(streaming, "has_room", lambda device, needed: needed < 2000)
    away = train(config)
    assert_equal_runs(whole.folder, away.folder)
    assert any("take 7.4 kB, too much for the device" in text for text in said(away.folder))
    assert no_workers()
