"""The corpus that measures the diagnosis: what it counts, and (soak) that a small part of it comes out well."""

from __future__ import annotations

import math
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from support.terminal import environment

from engine import RunConfig
from engine.events import EpochEnded
from tests.bench.diagnosis.case import HEALTHY, KINDS, Case
from tests.bench.diagnosis.corpus import SETS, cases
from tests.bench.diagnosis.heldout_tables import HELD_OUT
from tests.bench.diagnosis.judging import Alarm, Judged, helps, naive
from tests.bench.diagnosis.runs import Store, Trained, with_changes

ROOT = Path(__file__).parents[2]


def run(test: float, val=(1.0,), train=(1.0,), baseline: float = 2.0) -> Trained:
    epochs = tuple(
        EpochEnded(
            epoch=n, train_loss=t, val_loss=v, train_metric=0, val_metric=0, lr=0.1, penalty=0, grad_norm=1.0, seconds=0,
            samples_per_second=0, best_epoch=0,
        )
        for n, (t, v) in enumerate(zip(train, val, strict=True), 1)
    )  # fmt: skip
    return Trained(epochs, test, baseline, (), RunConfig())


def test_the_corpus_has_every_class_in_every_set_and_what_is_held_out_is_trained_otherwise():
    all_cases = list(cases(10))
    assert len({case.name for case in all_cases}) == len(all_cases)
    for one in SETS:
        planted = Counter(case.planted for case in all_cases if case.name.startswith(f"{one.name}-"))
        assert planted == dict.fromkeys(KINDS, 10 * one.kinds) | dict.fromkeys(HEALTHY, 10 * one.healthy)
    held, before, seen = [], [], []
    for case in all_cases:
        (held if case.half == "held" else before if case.name.startswith("dev5-") else seen).append(case)
    assert {case.table for case in held} == {case.table for case in before} == set(HELD_OUT)
    assert not {case.table for case in held} & {case.table for case in seen}
    assert not {_optimizer(case) for case in held} & {_optimizer(case) for case in seen}
    drawn = [repr((case.table, case.knobs)) for case in held + before]
    assert len(set(drawn)) == len(drawn)


def _optimizer(case: Case) -> tuple[tuple[str, object], ...]:
    """Its name and whatever is set of it beside how long its steps are."""
    lengths = ("optimizer.lr", "optimizer.clip_norm")
    return tuple(
        sorted((key, value) for key, value in case.knobs.items() if key.startswith("optimizer.") and key not in lengths)
    )


def test_a_cure_helps_by_five_per_cent_that_matter():
    assert helps(run(1.0), run(0.949))
    assert not helps(run(1.0), run(0.951))
    assert not helps(run(0.1), run(0.085)), "0.015 is less than 1 % of a constant answer's 2.0"
    assert helps(run(math.inf), run(1.9))
    assert not helps(run(math.inf), run(math.inf))


def test_changes_are_values_factors_and_steps():
    changed = with_changes(
        {"optimizer.lr": 0.01, "run.seed": 3}, {"optimizer.lr": "x0.1", "run.seed": "+2", "model.init": "xavier"}
    )
    assert changed == {"optimizer.lr": pytest.approx(0.001), "run.seed": 5, "model.init": "xavier"}
    assert with_changes({}, {"run.epochs": "x3"})["run.epochs"] == 3 * RunConfig().run.epochs


def test_what_counts_as_said():
    case = Case("a", "learning_rate_high", "dev", "digits", {})
    told = [Alarm("diverging", 3, 2, ()), Alarm("overfitting", 5, 2, ())]
    assert Judged(case, run(1.0), "learning_rate_high", told).said == {"learning_rate_high", "overfitting"}
    assert Judged(case, run(1.0), "non_finite", told).said == {"overfitting"}
    assert Judged(case, run(1.0), "healthy", told).said == {"diverging", "overfitting"}
    beside = Judged(case, run(1.0), "non_finite", told, also=frozenset({"overfitting"}))
    assert (beside.said, beside.said_at_all) == (set(), {"overfitting"})


def test_the_naive_rules():
    said = naive(run(1.0, val=(1.0, 0.5, 0.6, 0.7, 0.8), train=(0.9, 0.5, 0.59, 0.69, 0.79)))
    assert said == {
        "validation loss up once": True,
        "gap above 10 %": True,
        "patience 3": True,
        "gradient norm < 1e-3 or > 100": False,
    }
    assert not any(naive(run(1.0, val=(1.0, 0.5), train=(1.0, 0.5))).values())


def test_a_run_is_trained_once_and_kept(tmp_path):
    store = Store(tmp_path)
    knobs = {"run.epochs": 2, "run.device": "cpu", "model.hidden": (4,)}
    first, again = store.run("xor", knobs), Store(tmp_path).run("xor", knobs)
    assert store.trained == 1
    assert first == again
    assert len(first.epochs) == 2
    assert first.baseline == pytest.approx(math.log(2), abs=1e-3)
    assert math.isfinite(first.test)


@pytest.mark.soak
def test_a_small_part_of_the_corpus_comes_out_well(tmp_path):
    command = [sys.executable, "-m", "tests.bench.diagnosis", "--quick", "--show", "--cache", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=1200)
    assert done.returncode == 0, done.stderr
    figures = re.search(r"any problem: .* F1 ([\d.]+)", done.stdout)
    assert figures and float(figures[1]) >= 0.9, done.stdout
    assert re.search(r"warnings per healthy run: 0\.000", done.stdout), done.stdout
