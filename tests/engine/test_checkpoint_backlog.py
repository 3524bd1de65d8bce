"""Saving beside the training: the newest snapshot wins, nothing that matters is dropped, and failures are told once each."""

from __future__ import annotations

import errno
import os
import threading

import pytest
from support.checkpoints import newest, number_of, save, state, temporary

from engine.checkpoint import Checkpoints

WAIT = 60.0


class Gate:
    """Holds every write until it is let through, and says when one has come."""

    def __init__(self, monkeypatch) -> None:
        self._come, self._go = threading.Semaphore(0), threading.Semaphore(0)
        real = Checkpoints._write

        def write(store, job):
            self._come.release()
            assert self._go.acquire(timeout=WAIT)
            return real(store, job)

        monkeypatch.setattr(Checkpoints, "_write", write)

    def wait_for_one(self) -> None:
        assert self._come.acquire(timeout=WAIT)

    def open(self, count: int = 1000) -> None:
        self._go.release(count)


class Told:
    def __init__(self) -> None:
        self.outcomes: list = []
        self.threads: set[str] = set()

    def __call__(self, outcome) -> None:
        self.outcomes.append(outcome)
        self.threads.add(threading.current_thread().name)

    @property
    def numbers(self) -> list[int]:
        return [outcome.epochs for outcome in self.outcomes if not isinstance(outcome, Exception)]


def soon(store: Checkpoints, number: int, **about) -> None:
    store.save_soon(state(number), **{"epochs": number, "batch": 0, "kind": "epoch", **about})


def writers() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == "nntui-checkpoints"]


@pytest.fixture(autouse=True)
def no_thread_stays():
    yield
    assert not writers()


def test_what_is_handed_over_is_written_elsewhere_and_told(tmp_path):
    told = Told()
    store = Checkpoints(tmp_path, told=told)
    soon(store, 1)
    assert store.flush(WAIT)
    assert told.numbers == [1]
    assert told.threads == {"nntui-checkpoints"}
    assert told.outcomes[0].seconds > 0
    assert newest(tmp_path) == (1, [])
    store.close()
    soon(store, 2)  # a thread anew
    store.close()
    assert told.numbers == [1, 2]
    store.close()


def test_of_those_that_wait_the_newest_is_written(tmp_path, monkeypatch):
    gate, told = Gate(monkeypatch), Told()
    store = Checkpoints(tmp_path, told=told)
    soon(store, 1)
    gate.wait_for_one()
    for number in range(2, 50):
        soon(store, number, kind="minutes" if number % 3 else "epoch")
    assert not store.flush(0)
    gate.open()
    store.close()
    assert told.numbers == [1, 49]
    assert newest(tmp_path) == (49, [])


def test_a_best_one_gives_way_to_a_better_one_only_and_what_was_asked_for_to_none(tmp_path, monkeypatch):
    gate, told = Gate(monkeypatch), Told()
    store = Checkpoints(tmp_path, told=told)
    soon(store, 1)
    gate.wait_for_one()
    soon(store, 2, best=True)
    soon(store, 3, best=True)
    soon(store, 4)
    soon(store, 5)
    gate.open(3)
    for _ in range(2):
        gate.wait_for_one()
    assert store.flush(WAIT)
    assert told.numbers == [1, 3, 5]
    soon(store, 6)
    gate.wait_for_one()
    soon(store, 7, kind="asked")
    soon(store, 8, best=True, kind="minutes")
    gate.open()
    store.close()
    assert told.numbers == [1, 3, 5, 6, 7, 8]
    assert store.best_entry is not None
    assert store.best_entry.epochs == 8


def test_one_before_an_edit_is_never_dropped_and_the_next_waits_for_it(tmp_path, monkeypatch):
    gate, told = Gate(monkeypatch), Told()
    store = Checkpoints(tmp_path, keep=1, told=told)
    soon(store, 1)
    gate.wait_for_one()
    soon(store, 2, edit=1)
    soon(store, 3, pinned=True, best=True)
    begun, handed_over = threading.Event(), threading.Event()

    def fourth():
        begun.set()
        soon(store, 4, best=True)
        handed_over.set()

    thread = threading.Thread(target=fourth)
    thread.start()
    assert begun.wait(WAIT)
    assert not handed_over.is_set()
    gate.open(1)
    assert handed_over.wait(WAIT)
    gate.open()
    thread.join()
    store.close()
    assert told.numbers == [1, 2, 3, 4]
    assert sorted(entry.epochs for entry in store.entries) == [2, 3, 4]


def test_saving_at_once_comes_after_what_waits_and_is_the_newest(tmp_path, monkeypatch):
    gate, told = Gate(monkeypatch), Told()
    store = Checkpoints(tmp_path, told=told)
    soon(store, 1)
    gate.wait_for_one()
    soon(store, 2)
    soon(store, 3, edit=1)
    soon(store, 4)
    gate.open()
    saved = save(store, 5)
    assert told.numbers == [1, 3]
    assert saved.epochs == 5
    assert newest(tmp_path) == (5, [])
    store.close()


def test_each_failed_save_is_told_once_and_the_next_one_works(tmp_path, monkeypatch):
    told = Told()
    store = Checkpoints(tmp_path, told=told)
    soon(store, 1)
    assert store.flush(WAIT)

    def full(*args):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        for number in (2, 3):
            soon(store, number)
            assert store.flush(WAIT)
    assert [type(outcome).__name__ for outcome in told.outcomes] == ["Saved", "OSError", "OSError"]
    assert newest(tmp_path) == (1, [])
    assert not temporary(tmp_path)
    store.save_soon({"wrong": object()}, epochs=4, batch=0, kind="epoch")
    assert store.flush(WAIT)
    assert isinstance(told.outcomes[-1], TypeError)
    soon(store, 5)
    store.close()
    assert told.numbers == [1, 5]
    assert newest(tmp_path) == (5, [])


def test_a_listener_that_fails_does_not_end_the_saving(tmp_path, capsys):
    def told(outcome):
        raise RuntimeError("the listener's own fault")

    store = Checkpoints(tmp_path, told=told)
    for number in (1, 2):
        soon(store, number)
        assert store.flush(WAIT)
    store.close()
    assert newest(tmp_path) == (2, [])
    assert capsys.readouterr().err.count("RuntimeError: the listener's own fault") == 2


def test_without_a_thread_to_be_had_it_is_written_at_once(tmp_path, monkeypatch):
    def refuse(thread):
        raise RuntimeError("can't start new thread")

    told = Told()
    store = Checkpoints(tmp_path, told=told)
    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", refuse)
        soon(store, 1)
        assert told.numbers == [1]
        store.close()
    soon(store, 2)
    store.close()
    assert newest(tmp_path) == (2, [])


def test_two_hundred_saves_grow_nothing(tmp_path):
    told = Told()
    store = Checkpoints(tmp_path, told=told)
    soon(store, 1)
    assert store.flush(WAIT)
    threads, files = threading.active_count(), len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for number in range(2, 202):
        soon(store, number, kind="asked")
    assert store.flush(WAIT)
    assert threading.active_count() == threads
    assert not files or len(os.listdir("/proc/self/fd")) == files
    assert told.numbers == list(range(1, 202))
    assert len(os.listdir(tmp_path)) == 3
    store.close()
    assert threading.active_count() == threads - 1
    loaded = store.load_newest()
    assert loaded is not None
    assert number_of(loaded.content) == 201
