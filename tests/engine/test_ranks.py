"""Ranks without their processes: what is said of one that is lost, journals that are brought home, how trials are shared out."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from engine import build_config
from engine import events as e
from engine.errors import CodeError, ConfigError, Fault, InputError
from engine.headless import meeting_of, starts_ranks
from engine.journal import JournalSink, read_journal
from engine.lock import RunLock
from engine.ranks.agent import _lost, _put_on_record, _torchrun
from engine.ranks.job import ALONE, ENDED_BY_OTHERS, JobFolder, Nodes, as_refusal, refused, training_job
from engine.ranks.journals import bring_home, clear, journal_of, journals
from engine.ranks.rank import with_devices
from engine.ranks.spreading import spreads
from engine.rundir import RunDir
from engine.sinks import Tee

FIGURES = dict.fromkeys(
    ("train_loss", "val_loss", "train_metric", "val_metric", "lr", "penalty", "grad_norm", "seconds"), 0.5
)


def epoch(number: int) -> e.EpochEnded:
    return e.EpochEnded(epoch=number, best_epoch=1, samples_per_second=1.0, **FIGURES)


@pytest.mark.parametrize(
    ("codes", "words"),
    [
        ({0: ENDED_BY_OTHERS, 1: -9}, "rank 1 of 4 was ended by SIGKILL, perhaps for want of memory"),
        ({2: -11, 0: -9, 1: -15}, "rank 2 of 4 was ended by SIGSEGV"),  # the first one: torchrun killed the other
        ({0: 1, 1: -15}, ""),  # rank 0 has said so itself
        ({0: ENDED_BY_OTHERS, 1: ENDED_BY_OTHERS, 2: -15}, "the 4 ranks lost each other; run.log has what they said"),
    ],
)
def test_the_rank_that_was_lost_first_is_named(codes, words):
    failures = {rank: SimpleNamespace(exitcode=code) for rank, code in codes.items()}
    assert _lost(failures, 4) == words


@pytest.mark.parametrize(
    ("reason", "told"), [(None, True), ("terminated", True), ("failed", False), ("epochs_done", False)]
)
def test_a_lost_rank_is_put_on_record_where_nobody_has(tmp_path, reason, told):
    """terminated: all that rank 0 saw of it was torchrun's SIGTERM."""
    run = RunDir(tmp_path)
    tee = Tee([JournalSink(run.journal)])
    tee(e.RunStarted(run="a", folder=str(tmp_path), config={}, device="cpu"))
    if reason:
        tee(e.RunEnded(reason=reason, epochs=1, best_epoch=1, seconds=1.0))
    _put_on_record(run, "rank 1 of 2 was ended by SIGKILL")
    last = list(read_journal(run.journal))[-1]
    assert (isinstance(last, e.RunEnded) and last.error == "rank 1 of 2 was ended by SIGKILL") == told
    with RunLock.take(run):  # somebody else has it by now: it is his to tell
        before = run.journal.read_bytes()
        _put_on_record(run, "again")
        assert run.journal.read_bytes() == before


def test_what_ranks_told_when_nobody_heard_is_in_the_record_once(tmp_path):
    run = RunDir(tmp_path)
    assert bring_home(run) == 0
    tee = Tee([JournalSink(run.journal)])
    tee(e.RunStarted(run="a", folder=str(tmp_path), config={}, device="cpu"))
    tee.of(2)(epoch(1))  # of an earlier part of the run: it does not count
    tee(e.RunResumed(run="a", folder=str(tmp_path), config={}, device="cpu", pid=1, after="lost"))
    clear(run)
    other = Tee([JournalSink(journal_of(run, 1))])
    for number in range(1, 6):
        other.of(2)(epoch(number))
        tee.of(1)(epoch(number))
        if number < 4:
            tee.of(2)(epoch(number))
    other.close()
    with journal_of(run, 1).open("ab") as torn:
        torn.write(b'{"event":"EpochEnded","ti')
    assert bring_home(run) == 2
    found = [event for event in read_journal(run.journal) if isinstance(event, e.EpochEnded)]
    assert [event.epoch for event in found if event.trial == 2] == [1, 1, 2, 3, 4, 5]
    assert [event.epoch for event in found if event.trial == 1] == [1, 2, 3, 4, 5]
    assert not journals(run).exists() and bring_home(run) == 0


@pytest.mark.parametrize(
    ("trials", "ranks", "spread"),
    [(2, 2, True), (5, 8, True), (3, 8, False), (10, 4, True), (1, 1, False), (9, 8, True)],
)
def test_whole_trials_go_to_ranks_that_they_keep_busy(trials, ranks, spread):
    assert spreads(trials, ranks) == spread


def test_answers_of_several_processes_come_whole_and_once():
    folder = JobFolder.made(training_job(build_config({"run": {"devices": 3}}, ["optimizer.lr=0.25"])))
    try:
        other = JobFolder(folder.path)
        assert other.job.settings.optimizer.lr == 0.25 and other.job.devices == 3
        assert folder.answers() == []
        fault = Fault("data.source", "is no good", "mend it", "a.csv:3", ("nets.py:1",))
        other.answer(refused(CodeError([fault])))
        with (folder.path / "answers.jsonl").open("ab") as torn:
            torn.write(b'{"folder"')
        (said,) = folder.answers()
        error = as_refusal(said)
        assert isinstance(error, CodeError) and error.faults == (fault,)
        assert not isinstance(as_refusal(refused(InputError([fault]))), CodeError)
        assert folder.answers() == [] and len(other.answers()) == 1
    finally:
        folder.remove()


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ((1, "host:29500", "", False), "--nnodes"),
        ((2, "", "", False), "--rdzv-endpoint"),
        ((2, "host", "", False), "--rdzv-endpoint"),
        ((2, "host:x", "", False), "--rdzv-endpoint"),
        ((2, "host:29500", "", True), "--detach"),
    ],
)
def test_what_is_said_of_several_machines_is_checked(given, key):
    with pytest.raises(ConfigError) as refusal:
        meeting_of(*given)
    assert [fault.key for fault in refusal.value.faults] == [key]


def test_torchruns_words_are_handed_on(monkeypatch, tmp_path):
    assert meeting_of(2, "[::1]:29500", "a", False) == Nodes(2, "[::1]:29500", "a")
    words = " ".join(_torchrun(JobFolder(tmp_path), meeting_of(2, "host:29500", "", False), 8))
    assert "--nnodes 2 --rdzv-backend c10d --rdzv-endpoint host:29500 --rdzv-id nntui --nproc-per-node 8" in words
    assert "--standalone" in _torchrun(JobFolder(tmp_path), ALONE, 8)


def test_the_number_of_processes_is_the_one_there_is(monkeypatch):
    several, one = build_config({"run": {"devices": 4}}), build_config({})
    monkeypatch.delenv("WORLD_SIZE", raising=False)
    assert starts_ranks(4) and starts_ranks(1, Nodes(2)) and not starts_ranks(1)
    assert with_devices(one) is one and with_devices(several, 1).run.devices == 1
    with pytest.raises(ConfigError, match=r"run\.devices"):
        with_devices(several)
    for name, value in {"RANK": "5", "WORLD_SIZE": "16", "LOCAL_WORLD_SIZE": "8"}.items():
        monkeypatch.setenv(name, value)
    assert not starts_ranks(4)
    assert with_devices(one).run.devices == with_devices(several).run.devices == 8
    with pytest.raises(ConfigError, match="torchrun has started"):
        meeting_of(2, "host:29500", "", False)
