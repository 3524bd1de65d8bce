"""One process at a time trains a run; one that was killed is no obstacle, and one on another machine is seen."""

from __future__ import annotations

import errno
import fcntl
import os
import socket
import threading
import time

import pytest
from support.owners import WAIT, a_run, child, descriptors, end, forge, owner, until

from engine import lock as lock_module
from engine.errors import InputError
from engine.lock import RunLock, probe


@pytest.fixture
def run(tmp_path):
    return a_run(tmp_path / "runs")


def test_it_is_held_until_it_is_released(run):
    assert probe(run) is None
    with RunLock.take(run) as lock:
        found = probe(run)
        assert found is not None
        assert (found.pid, found.host, found.here) == (os.getpid(), socket.gethostname(), True)
        assert abs(found.since - time.time()) < WAIT and found.beat < WAIT
        assert probe(run, gently=True) is not None
    assert probe(run) is None and probe(run, gently=True) is None
    lock.release()
    RunLock.take(run).release()


def test_a_second_starter_is_told_who_holds_it(run):
    with owner(run) as pid:
        began = time.monotonic()
        with pytest.raises(InputError) as refused:
            RunLock.take(run)
        assert time.monotonic() - began < 20, "it does not wait for the other to end"
        words = str(refused.value)
        assert f"process {pid} on {socket.gethostname()}" in words and f"nntui attach {run.name}" in words
        assert "\n" not in words


def test_in_one_process_too_there_is_only_one_holder(run):
    with RunLock.take(run), pytest.raises(InputError, match=f"process {os.getpid()}"):
        RunLock.take(run)


def test_a_killed_owner_frees_it(run):
    with owner(run) as pid:
        end(pid)
        assert '"pid"' in run.lock.read_text(), "it had no chance to tidy up"
        assert probe(run) is None
        assert probe(run, gently=True) is None
        RunLock.take(run).release()


def test_a_frozen_owner_keeps_it(run):
    import signal

    with owner(run) as pid:
        os.kill(pid, signal.SIGSTOP)
        os.utime(run.lock, (1.0, 1.0))
        for gently in (False, True):
            found = probe(run, gently)
            assert found is not None and found.pid == pid and found.beat > 1e6


def test_one_who_only_looks_is_waited_for(run):
    """A probe holds a shared lock for some microseconds."""
    run.lock.touch()
    fd = os.open(run.lock, os.O_RDONLY)
    fcntl.flock(fd, fcntl.LOCK_SH)
    timer = threading.Timer(0.1, os.close, [fd])
    timer.start()
    RunLock.take(run).release()
    timer.join()


def test_gentle_looks_do_not_touch_the_lock(run, monkeypatch):
    with owner(run) as pid:
        monkeypatch.setattr(lock_module, "_flock", lambda *_: pytest.fail("the lock was touched"))
        found = probe(run, gently=True)
        assert found is not None and found.pid == pid


def test_a_forked_child_neither_keeps_it_nor_gives_it_up(run):
    lock = RunLock.take(run)
    with child(lock.release):
        assert probe(run) is not None, "the child has released its parent's lock"
        lock.release()
        assert probe(run) is None, "the child keeps its parent's lock"


def test_a_program_that_the_owner_starts_does_not_keep_it(run):
    import subprocess

    with RunLock.take(run):
        other = subprocess.Popen(["sleep", "1000"], close_fds=False)
    try:
        assert probe(run) is None
    finally:
        other.kill()
        other.wait()


def test_the_heart_beats(run, monkeypatch):
    monkeypatch.setattr(lock_module, "BEAT_SECONDS", 0.01)
    with RunLock.take(run):
        os.utime(run.lock, (1.0, 1.0))
        until(lambda: probe(run).beat < WAIT)  # pyright: ignore[reportOptionalMemberAccess]
    assert not [thread for thread in threading.enumerate() if thread.name == "nntui-heartbeat"]


@pytest.mark.parametrize(("beat", "taken"), [(1.0, True), (60.0, False)])
def test_another_machine_is_known_by_its_heartbeat(run, beat, taken):
    forge(run, "elsewhere", beat)
    assert (probe(run) is not None) == (probe(run, gently=True) is not None) == taken
    if taken:
        with pytest.raises(InputError, match="process 4242 on elsewhere"):
            RunLock.take(run)
    else:
        RunLock.take(run).release()


@pytest.mark.parametrize("beat", [1.0, 60.0])
@pytest.mark.parametrize("alive", [True, False])
def test_where_there_are_no_locks_process_and_heartbeat_tell(run, monkeypatch, beat, alive):
    def unsupported(*_):
        raise OSError(errno.ENOLCK, "no locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with child(lambda: None) as pid:
        if not alive:
            end(pid)
        forge(run, socket.gethostname(), beat, pid)
        taken = alive and beat < 15
        assert (probe(run) is not None) == taken
        if taken:
            with pytest.raises(InputError, match=f"process {pid}"):
                RunLock.take(run)
        else:
            RunLock.take(run).release()


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"pid":"x","host":1,"since":[]}', b"\xff" * 9, b"[" * 4000, b'{"pid":-1,"host":"","since":0}'])  # fmt: skip
def test_a_file_that_says_nothing_does_no_harm(run, content):
    run.lock.write_bytes(content)
    assert probe(run) is None
    with RunLock.take(run):
        run.lock.write_bytes(content)
        found = probe(run)
        assert found is not None and found.pid == 0 and found.words == "another process"
        with pytest.raises(InputError, match="another process"):
            RunLock.take(run)


def test_foreign_names_are_cleaned(run):
    forge(run, "ev\x1b[31mil", 0.0)
    with pytest.raises(InputError) as refused:
        RunLock.take(run)
    assert "\x1b" not in str(refused.value)


def test_a_lock_that_cannot_be_opened(run):
    run.lock.mkdir()
    assert probe(run) is None
    with pytest.raises(InputError, match="cannot be locked"):
        RunLock.take(run)


def test_a_folder_that_is_gone(tmp_path):
    from engine.rundir import RunDir

    gone = RunDir(tmp_path / "gone")
    assert probe(gone) is None
    with pytest.raises(InputError, match="cannot be locked"):
        RunLock.take(gone)


def test_nothing_grows(run):
    RunLock.take(run).release()
    before = descriptors(), threading.active_count()
    for _ in range(50):
        with RunLock.take(run):
            probe(run)
            probe(run, gently=True)
    assert (descriptors(), threading.active_count()) == before


def test_of_many_starters_one_wins(run):
    """Eight processes ask at once, and look at each other meanwhile."""
    results = []
    for _ in range(8):
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            try:
                RunLock.take(run)
                os.write(writer, b"1")
            except InputError:
                os.write(writer, b"0")
            finally:
                os.close(writer)
                threading.Event().wait()
        os.close(writer)
        results.append((pid, reader))
    try:
        won = [os.read(reader, 1) for _, reader in results]
        assert sorted(won) == [b"0"] * 7 + [b"1"]
    finally:
        for pid, reader in results:
            os.close(reader)
            end(pid)
