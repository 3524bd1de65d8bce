"""Several ranks train one run as one process would: the same figures, the same end, the same folder.

The ranks are two real processes that meet by torch.distributed on the CPU. All that they do is done once, by one pair, for all of these
tests: see support.rankruns.
"""

from __future__ import annotations

import json
import math
import shutil
import signal
from pathlib import Path
from typing import Any

import pytest
from support.pairs import end_ranks, start_ranks
from support.rankruns import CASES, EQUAL, SCRIPT, config_of
from support.resuming import assert_equal_runs, consistent, events_of, last_content, view_of

from engine import events as e
from engine import resume, train

CLOSE = 1e-5


@pytest.fixture(scope="module")
def pair(tmp_path_factory) -> dict[str, list[dict[str, Any]]]:
    """What came of each case on rank 0 and on rank 1."""
    folder = tmp_path_factory.mktemp("ranks")
    ranks = start_ranks(2, ["-m", "support.rankruns", str(folder)])
    printed = end_ranks(ranks, 240)
    assert [rank.returncode for rank in ranks] == [0, -signal.SIGKILL], "\n".join(printed)
    first, second = (json.loads((folder / f"rank{rank}.json").read_text()) for rank in (0, 1))
    assert {*first} == {*CASES} - {"killed on rank 0"}
    return {name: [first[name], second.get(name, {})] for name in first}


def close(one: list[float], other: list[float]) -> bool:
    return len(one) == len(other) and all(
        math.isclose(a, b, rel_tol=0, abs_tol=CLOSE) for a, b in zip(one, other, strict=False)
    )


# -- the same as one process --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EQUAL)
def test_two_ranks_train_as_one_process(pair, name, tmp_path):
    alone = train(config_of(tmp_path, EQUAL[name]))
    together, other = pair[name]
    view, theirs = alone.view, view_of(together["folder"])
    assert (together["reason"], together["epochs"]) == (alone.reason, alone.epochs)
    assert close(together["train"], view.train_loss)
    assert close(together["val"], view.val_loss)
    assert close(together["metric"], view.val_metric)
    assert close(together["test"], [alone.test_loss, alone.test_metric])
    for shown, wanted in zip(theirs.val_metrics, view.val_metrics, strict=True):
        assert close([*shown.values()], [*wanted.values()])
    assert close(theirs.grad_norm, view.grad_norm)
    assert close(theirs.lr, view.lr)
    assert theirs.report is not None
    assert view.report is not None
    assert theirs.test.confusion == view.test.confusion
    assert set(theirs.findings) == set(view.findings)
    assert other["weights"] == together["weights"]
    assert (other["folder"], other["test"]) == ("", together["test"])


def test_the_figures_of_early_stopping_are_those_of_a_run_that_stopped_early(pair):
    assert pair["early stopping"][0]["reason"] == "early_stopping"


def test_one_of_the_cases_has_a_batch_of_which_a_rank_gets_nothing(pair):
    data = view_of(pair["a last batch of one row"][0]["folder"]).data
    assert data.train_rows % EQUAL["a last batch of one row"]["run"]["batch_size"] == 1


def test_what_ranks_say_to_each_other(pair):
    wanted = {
        "rows": True,
        "total": [3.0, 1.0],
        "signal": [0, 7],
        "agreed": {"rank": 0},
        "gathered": [0, 1],
        "seeds": [5, (1 << 32) + 5],
        "buffers": [[0.0, 0.0], 0],
    }
    assert pair["collectives"] == [wanted, wanted]


def test_a_run_says_that_it_has_ranks(pair):
    first, *rest = events_of(pair["MLP"][0]["folder"])
    assert isinstance(first, e.RunStarted)
    assert first.device == "cpu, 2 ranks"
    notes = [one.text for one in rest if isinstance(one, e.Noted)]
    assert "2 ranks train together: each takes 12 or 13 of the 25 rows of a batch" in notes


# -- stopped and taken up again -----------------------------------------------------------------------------------------


def test_a_run_goes_on_with_as_many_ranks_as_if_it_had_never_stopped(pair):
    ours, theirs = pair["stopped and resumed"]
    assert ours["part"]["reason"] == "terminated"
    place = events_of(ours["again"]["folder"], e.Rewound)[0]
    assert place.batch % 2 == 1, "in the middle of what makes up a step"
    content = last_content(ours["part"]["folder"])
    (other,) = content["others"]
    for own, others in zip(content["partial"]["gradients"], other["gradients"], strict=True):
        assert not own.equal(others), "gradients are averaged with the step, and not before"
    assert not content["random"]["torch"].equal(other["random"]["torch"]), "each drops units of its own"
    assert content["random"]["order"].equal(other["random"]["order"])
    assert_equal_runs(ours["whole"]["folder"], ours["again"]["folder"])
    assert theirs["again"]["weights"] == theirs["whole"]["weights"] == ours["whole"]["weights"]


def test_one_process_goes_on_with_what_two_have_trained(pair, tmp_path):
    folder = tmp_path / "run"
    shutil.copytree(pair["stopped on two"][0]["part"]["folder"], folder)
    again = resume(folder, devices=1)
    whole = train(config_of(tmp_path, {"run": {"accumulate": 2}}))
    assert events_of(folder, e.Rewound)[0].batch > 0
    assert close(again.view.train_loss, whole.view.train_loss)
    assert close(again.view.val_loss, whole.view.val_loss)
    assert [one.text for one in events_of(folder, e.Noted) if "what 2 have trained" in one.text]
    assert "others" not in last_content(folder)


def test_two_go_on_with_what_one_process_has_trained(pair, tmp_path):
    again = pair["stopped on one"][0]["again"]
    whole = train(config_of(tmp_path, {"run": {"accumulate": 2}}))
    assert events_of(again["folder"], e.Rewound)[0].batch > 0
    assert close(again["train"], whole.view.train_loss)
    assert close(again["val"], whole.view.val_loss)
    assert [one.text for one in events_of(again["folder"], e.Noted) if "2 ranks go on" in one.text]
    more = [ended["more"] for ended in pair["stopped on one"]]
    assert [ended["epochs"] for ended in more] == [4, 4]
    assert more[0]["weights"] == more[1]["weights"]


def test_all_ranks_do_what_rank_0_is_asked_for(pair):
    ours, theirs = pair["asked for"]
    for name in ("KnobsChanged", "Paused", "Resumed", "Rewound", "EpochsAdded"):
        assert name in ours["events"]
    assert (ours["epochs"], theirs["epochs"]) == (4, 4)
    assert theirs["weights"] == ours["weights"]
    view = view_of(ours["folder"])
    consistent(view)
    assert [[one.key for one in edit.changes] for edit in view.edits] == [["optimizer.lr"]]


def test_all_ranks_follow_a_script(pair, tmp_path):
    alone = train(config_of(tmp_path, {}), script=SCRIPT)
    assert len(alone.view.edits) == 2
    assert close(pair["a script"][0]["train"], alone.view.train_loss)
    assert close(pair["a script"][0]["val"], alone.view.val_loss)


def test_ranks_judge_with_the_running_statistics_of_rank_0(pair):
    ours, theirs = pair["batch norm"]
    assert theirs["test"] == ours["test"]
    assert theirs["weights"] == ours["weights"]
    assert [one.text for one in events_of(ours["folder"], e.Noted) if one.text.startswith("batch norm: on CPUs")]


def test_a_model_of_the_users_own_with_weights_that_it_does_not_use(pair):
    ours, theirs = pair["own model"]
    assert ours["reason"] == "epochs_done"
    assert theirs["weights"] == ours["weights"]


# -- the ends that nobody wanted ----------------------------------------------------------------------------------------


def log_of(folder: str) -> str:
    return (Path(folder) / "run.log").read_text()


def failed(pair: Any, name: str) -> tuple[dict[str, Any], e.RunEnded, str]:
    """What rank 0 raised, how the record ends, and the log."""
    run = next(path for path in _folders(pair, name))
    return pair[name][0], events_of(run, e.RunEnded)[-1], log_of(str(run))


def _folders(pair: Any, name: str) -> list[Path]:
    base = Path(pair["MLP"][0]["folder"]).parents[1]
    return sorted((base / name.replace(" ", "-")).iterdir())


def test_a_failure_on_rank_0_ends_the_run(pair):
    raised, ended, log = failed(pair, "fails on rank 0")
    assert ended.reason == "failed"
    assert ended.error == raised["error"]
    assert ended.error.endswith("ValueError: this net has had enough")
    assert "rank 1" not in ended.error
    assert "this net has had enough" in log


@pytest.mark.parametrize(
    ("name", "words"),
    [("fails on rank 1", "ValueError: this net has had enough"), ("leaves on rank 1", "calls sys.exit(3)")],
)
def test_a_failure_on_another_rank_ends_the_run_and_is_told_by_rank_0(pair, name, words):
    raised, ended, log = failed(pair, name)
    assert ended.reason == "failed"
    assert ended.error.startswith("rank 1 of 2: tests/support/rankruns.py:")
    assert ended.error.endswith(words)
    assert raised["error"] == ended.error
    assert any(" in forward: " in frame for frame in raised["frames"])
    assert "Traceback" in log
    assert "in forward" in log
    assert pair[name][1]["kind"] == "TrainingError"


def test_what_only_one_rank_cannot_read_is_bad_input_and_nothing_is_written(pair):
    ours, theirs = pair["fails in its data"]
    assert (ours["kind"], theirs["kind"]) == ("CodeError", "CodeError")
    assert "there is no such disk here (on rank 1 of 2)" in ours["error"]
    assert not (Path(pair["MLP"][0]["folder"]).parents[1] / "fails-in-its-data").exists()


def test_ranks_that_read_other_data_are_bad_input(pair):
    for told in pair["other data"]:
        assert told["kind"] == "DataError"
        assert "rank 1 of 2 reads other numbers: other data than rank 0" in told["error"]


def test_a_rank_that_was_killed_ends_the_run(pair):
    raised, ended, _ = failed(pair, "killed")
    assert ended.reason == "failed"
    assert "rank 1 of 2" in ended.error
    assert "was killed" in ended.error
    assert raised["error"] == ended.error


# -- soak ---------------------------------------------------------------------------------------------------------------

THREE = (
    "CNN",
    "a last batch of one row",
    "moved pictures",
    "class weights and mixup",
    "collectives",
    "stopped and resumed",
)


@pytest.mark.soak
def test_three_ranks(tmp_path):
    """Sums of three have an order, and it has to be the same before and after a stop."""
    ranks = start_ranks(3, ["-m", "support.rankruns", str(tmp_path), *THREE, "killed on rank 0"])
    printed = end_ranks(ranks, 240)
    assert [rank.returncode for rank in ranks] == [-signal.SIGKILL, 0, 0], "\n".join(printed)
    first, second, third = (json.loads((tmp_path / f"rank{rank}.json").read_text()) for rank in range(3))
    for name in THREE[:4]:
        alone = train(config_of(tmp_path / "alone", EQUAL[name]))
        assert close(first[name]["train"], alone.view.train_loss), name
        assert close(first[name]["val"], alone.view.val_loss), name
        assert first[name]["weights"] == second[name]["weights"] == third[name]["weights"]
    assert all(one["collectives"]["rows"] for one in (first, second, third))
    runs = first["stopped and resumed"]
    assert_equal_runs(runs["whole"]["folder"], runs["again"]["folder"])
    assert [one["killed on rank 0"]["kind"] for one in (second, third)] == ["TrainingError"] * 2
