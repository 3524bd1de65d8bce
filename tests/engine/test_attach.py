"""Screens on a run of another process: they see everything, ask for things, and disturb nobody."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from statistics import median

import pytest
from support import script
from support.owners import WAIT, a_run, child, descriptors, end, forge, owner, until

from engine import attached as attach_module
from engine import events as e
from engine import read_journal
from engine.attached import attach
from engine.commandfile import CommandReader, append_command
from engine.commands import Edit, MoreEpochs, Pause, Resume, Save, Stop, to_line
from engine.errors import InputError
from engine.eventjson import to_json
from engine.journal import JournalSink
from engine.lock import RunLock
from engine.sinks import Tee
from engine.stopping import StopToken


@pytest.fixture
def run(tmp_path):
    return a_run(tmp_path / "runs")


def journal(items) -> str:
    return "".join(to_json(item) + "\n" for item in items)


class Trainer:
    """A stand-in for a run under way: epochs in a thread, with lock, journal and commands as the runner has them."""

    def __init__(self, run, busy: float = 0.0) -> None:
        self.run, self.busy = run, busy
        self.token = StopToken()
        self.steps: list[float] = []
        self.end: e.Event = e.RunEnded(reason="stopped", epochs=1, best_epoch=1, seconds=1.0)
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._train)
        self.thread.start()
        assert self.ready.wait(WAIT)

    def _train(self) -> None:
        with RunLock.take(self.run):
            tee = Tee([JournalSink(self.run.journal)])
            reader = CommandReader(self.run, self.token)
            for item in script.opening():
                tee(item)
            self.ready.set()
            number = 0
            while self.token.reason is None:
                began = time.perf_counter()
                number += 1
                for item in script.epoch(number, 1 / number, 1 / number, number):
                    tee(item)
                sum(range(2000))
                self.steps.append(time.perf_counter() - began)
                while self.token.notices:
                    tee(self.token.notices.popleft())
                time.sleep(0.0005)
            reader.close()
            tee(self.end)
            tee.close()

    def __enter__(self) -> Trainer:
        return self

    def __exit__(self, *_: object) -> None:
        self.token.stop()
        self.thread.join()


# ----------------------------------------------------------------------------------------------------------- watching


def test_a_live_run_is_followed_to_its_end(run):
    with Trainer(run) as trainer:
        screen = attach(run.path)
        assert screen.folder == run.path and screen.error is None and screen.damaged == 0
        seen = []
        until(lambda: seen.extend(screen.drain()) or len(seen) > 30)
        assert screen.alive and not screen.join(0)
        screen.stop()
        assert screen.join(WAIT)
        while screen.alive:
            seen += screen.drain()
    assert isinstance(seen[-1], e.RunEnded)
    assert seen == list(read_journal(run.journal))
    assert trainer.token.reason == "stopped"
    screen.close()


def test_a_run_that_is_over_is_read_and_no_longer_alive(run):
    run.journal.write_text(journal(script.healthy(5)))
    screen = attach(str(run.path))
    assert screen.alive, "there is something to be drained"
    assert screen.drain() == script.healthy(5)
    assert not screen.alive and screen.join(0)


def test_a_long_history_comes_in_portions(run, monkeypatch):
    monkeypatch.setattr(attach_module, "DRAIN_SECONDS", 0.0)
    monkeypatch.setattr("engine.journal.TAIL_BYTES", 2000)
    items = script.healthy(100)
    run.journal.write_text(journal(items))
    screen, seen, portions = attach(run.path), [], 0
    while screen.alive:
        seen += screen.drain()
        portions += 1
    assert seen == items and portions > 10


def test_a_run_before_its_first_event(run):
    with owner(run):
        screen = attach(run.path)
        assert screen.alive and screen.drain() == []
    until(lambda: not screen.alive)


def test_a_folder_without_a_run(tmp_path):
    with pytest.raises(InputError, match="there is no run here"):
        attach(tmp_path)


def test_a_journal_that_cannot_be_read_any_more_is_an_error(run):
    run.journal.write_text(journal(script.opening()))
    screen = attach(run.path)
    run.journal.unlink()
    run.journal.mkdir()
    screen.drain()
    assert isinstance(screen.error, InputError) and not screen.alive


def test_a_killed_owner_is_noticed(run):
    run.journal.write_text(journal(script.opening()))
    with owner(run) as pid:
        screen = attach(run.path)
        screen.drain()
        assert screen.alive
        end(pid)
        until(lambda: not screen.alive)


def test_who_trains_it_is_not_looked_up_at_every_call(run, monkeypatch):
    looked = []
    monkeypatch.setattr(attach_module, "probe", lambda *_, **__: looked.append(1))
    screen = attach(run.path)
    began = time.monotonic()
    for _ in range(1000):
        assert not screen.alive
    assert len(looked) <= 1 + (time.monotonic() - began) / attach_module.OWNER_SECONDS


# ----------------------------------------------------------------------------------------------------------- commands


def test_commands_arrive_whoever_sends_them(run):
    with Trainer(run) as trainer:
        first, second = attach(run.path), attach(run.path)
        first.pause()
        until(lambda: trainer.token.paused)
        second.resume()
        until(lambda: not trainer.token.paused)
        for command in (Save(), MoreEpochs(3), Edit({"optimizer.lr": "0.1"})):
            first.send(command)
        until(lambda: len(trainer.token.asked) == 3)
        assert list(trainer.token.asked) == [Save(), MoreEpochs(3), Edit({"optimizer.lr": "0.1"})]
        second.stop(now=True)
        until(lambda: trainer.token.reason)
        assert trainer.token.now


def test_what_was_asked_before_is_not_obeyed_and_a_person_may_write_lines(run):
    append_command(run, Stop())
    with Trainer(run) as trainer:
        with run.commands.open("a") as file:
            file.write('\n{"command": "pause"}\r\n')
        until(lambda: trainer.token.paused)
        append_command(run, Resume())
        until(lambda: not trainer.token.paused)
        assert trainer.token.reason is None


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"stop", "not a line of JSON"),
        (b'{"command":"dance"}', "not a command"),
        (b'{"command":"more","epochs":-1}', "epochs cannot be -1"),
        (b"\xff\xfe\x1b[2J", "commands.jsonl"),
        (b"x" * 200_000, "too long"),
        (b"[" * 20_000, "not a line of JSON"),
    ],
)
def test_a_line_that_is_no_command_is_refused_once_and_the_next_one_obeyed(run, line, words):
    with Trainer(run) as trainer:
        screen, seen = attach(run.path), []
        with run.commands.open("ab") as file:
            file.write(line + b"\n" + to_line(Save()).encode() + b"\n")
        until(lambda: trainer.token.asked)
        until(lambda: seen.extend(screen.drain()) or any(isinstance(item, e.CommandRefused) for item in seen))
    seen += screen.drain()
    refused = [item for item in seen if isinstance(item, e.CommandRefused)]
    assert len(refused) == 1 and words in refused[0].problem
    assert "\x1b" not in refused[0].command + refused[0].problem and len(refused[0].command) <= 60


def test_half_a_line_waits_for_its_other_half(run):
    token = StopToken()
    reader = CommandReader(run, token)
    line = to_line(Save()).encode()
    with run.commands.open("ab", buffering=0) as file:
        file.write(line[:9])
        reader._look()
        assert not token.asked and not token.notices
        file.write(line[9:] + b"\n")
    until(lambda: token.asked)
    reader.close()
    assert len(token.asked) == 1 and not token.notices


def test_the_torn_line_of_a_killed_screen_spoils_no_other(run):
    token = StopToken()
    reader = CommandReader(run, token)
    run.commands.write_bytes(b'{"command":"mo')
    append_command(run, Save())
    until(lambda: token.asked)
    reader.close()
    assert list(token.asked) == [Save()] and len(token.notices) == 1


def test_a_file_that_is_replaced_gives_no_old_commands_again(run):
    append_command(run, Pause())
    token = StopToken()
    reader = CommandReader(run, token)
    run.commands.write_text("")
    reader._look()
    append_command(run, Save())
    until(lambda: token.asked)
    reader.close()
    assert not token.paused


def test_many_screens_ask_at_once(run):
    with Trainer(run) as trainer:
        pids = []
        for number in range(8):
            pid = os.fork()
            if pid == 0:
                try:
                    screen = attach(run.path)
                    for count in range(25):
                        screen.send(MoreEpochs(1 + number * 25 + count))
                finally:
                    os._exit(0)
            pids.append(pid)
        for pid in pids:
            os.waitpid(pid, 0)
        until(lambda: len(trainer.token.asked) == 200)
        asked = [command.epochs for command in trainer.token.asked]  # pyright: ignore[reportAttributeAccessIssue]
        assert sorted(asked) == list(range(1, 201)) and not trainer.token.notices


def test_nobody_there_to_be_asked(run):
    run.journal.write_text(journal(script.healthy(2)))
    with pytest.raises(InputError, match="is not running; `nntui resume"):
        attach(run.path).stop()
    assert not run.commands.exists()
    forge(run, "elsewhere", 1.0)
    attach(run.path).stop()
    assert run.commands.exists()


def test_a_command_that_cannot_be_written_is_an_error(run):
    run.commands.mkdir()
    with owner(run), pytest.raises(InputError, match="cannot be written"):
        attach(run.path).stop()


# ----------------------------------------------------------------------------------------------------- no disturbance


@pytest.mark.parametrize("count", [24, pytest.param(1000, marks=pytest.mark.soak)])
def test_screens_that_come_and_go_leave_nothing_behind(run, count):
    """Eight at a time; the step time without and with them is printed."""
    with Trainer(run) as trainer:
        until(lambda: len(trainer.steps) > 300)
        quiet = trainer.steps[100:300]
        screens = [attach(run.path) for _ in range(8)]
        for screen in screens:
            screen.drain()
        before, began = (descriptors(), threading.active_count()), len(trainer.steps)
        for number in range(count):
            screens[number % 8].close()
            screens[number % 8] = attach(run.path)
            for screen in screens:
                assert screen.alive
                screen.drain()
        assert (descriptors(), threading.active_count()) == before
        until(lambda: len(trainer.steps) > began + 200)
        watched = trainer.steps[began:]
        print(f"median step {median(quiet) * 1e6:.0f} us alone, {median(watched) * 1e6:.0f} us with 8 screens")
    assert trainer.token.reason == "stopped"


def watch(run):
    """What a screen does all the time."""
    screen = attach(run.path)

    def go():
        while True:
            screen.drain()
            screen.alive  # noqa: B018
            time.sleep(0.001)

    threading.Thread(target=go, daemon=True).start()


@pytest.mark.parametrize("rounds", [8, pytest.param(200, marks=pytest.mark.soak)])
def test_screens_that_are_killed_and_frozen_disturb_nobody(run, rounds):
    """Frozen wherever they are, none keeps the lock: the next owner can have it at once."""
    chance = random.Random(3)
    with Trainer(run) as trainer:
        for _ in range(rounds):
            with child(lambda: watch(run)) as killed, child(lambda: watch(run)) as frozen:
                steps = len(trainer.steps)
                time.sleep(chance.random() * 0.01)  # the moment is the point, nothing is waited for
                os.kill(frozen, signal.SIGSTOP)
                end(killed)
                until(lambda steps=steps: len(trainer.steps) > steps + 10)
                if _ == rounds - 1:
                    trainer.token.stop()
                    trainer.thread.join(WAIT)
                    assert not trainer.thread.is_alive()
                    RunLock.take(run).release()
    seen = list(read_journal(run.journal))
    assert isinstance(seen[-1], e.RunEnded)
    epochs = [item.epoch for item in seen if isinstance(item, e.EpochEnded)]
    assert epochs == list(range(1, len(epochs) + 1))
