"""The loss inside the epochs and the machine's figures, folded: bounded, no extreme lost, cut back where training was."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from engine import RunView
from engine import events as e
from engine.eventjson import from_json, to_json
from engine.longcurves import MOST_SAMPLES, MOST_STEPS, MachineLog, StepCurve, mean_sample


def done(epoch: int, step: int, loss: float, time: float = 0.0, lr: float = 0.1, trial: int = 0) -> e.StepsDone:
    return e.StepsDone(epoch=epoch, step=step, samples_per_second=10.0, loss=loss, lr=lr, time=time, trial=trial)


def built(steps: int = 10, trial: int = 0) -> e.ModelBuilt:
    return e.ModelBuilt(
        layers=(), parameters=1, epochs=9, steps_per_epoch=steps, batch_size=1, metric="accuracy", metric_mode="max",
        trial=trial,
    )  # fmt: skip


def begun() -> RunView:
    return RunView().apply_all([e.RunStarted(run="r", folder="f", config={}, device="cpu", time=100.0), built()])


def test_steps_stand_at_a_part_of_their_epoch():
    view = begun().apply_all([done(1, 5, 2.0, 101.0), done(3, 7, 1.0, 109.0, 0.2)])
    assert view.steps == StepCurve([0.5, 2.7], [1.0, 9.0], [2.0, 1.0], [0.1, 0.2])


def test_an_older_journal_has_no_step_loss():
    event = from_json('{"event":"StepsDone","time":1,"epoch":1,"step":2,"samples_per_second":5}')
    assert event is not None and not begun().apply_all([event]).steps.at
    assert math.isnan(begun().apply_all([done(1, 1, math.nan)]).steps.loss[0]), "a loss that is none is a fact"


def test_going_back_unsays_steps_and_times():
    ended = dict.fromkeys(
        ("train_loss", "val_loss", "train_metric", "val_metric", "lr", "penalty", "grad_norm", "seconds"), 1.0
    )
    view = begun()
    for epoch in (1, 2, 3):
        view.apply(done(epoch, 5, float(epoch), 100.0 + epoch))
        view.apply(e.EpochEnded(epoch=epoch, time=100.5 + epoch, samples_per_second=1, best_epoch=1, **ended))
    assert view.times == [101.5, 102.5, 103.5]
    view.apply(e.Rewound(epochs=1, batch=5, best_epoch=1, best_loss=1, planned=9, config={}))
    assert (view.steps.at, view.times) == ([0.5, 1.5], [101.5])


def test_each_trial_has_its_steps():
    start = [e.TrialStarted(number=n, of=2, label=f"fold {n}", folder="", trial=n) for n in (1, 2)]
    view = begun().apply_all([*start, built(trial=1), built(trial=2), done(1, 5, 1.0, 102.0, trial=2)])
    assert (view.steps.at, view.others[2].steps.at, view.others[2].steps.time) == ([], [0.5], [2.0])
    view.look_at(2)
    assert view.steps.at == [0.5]


def test_a_long_run_is_bounded_and_keeps_its_extremes():
    curve = StepCurve()
    for number in range(3 * MOST_STEPS):
        loss = 99.0 if number == 12_345 else -99.0 if number == 23_456 else math.nan if number == 4_321 else 1.0
        curve.add(done(1 + number // 100, number % 100, loss, float(number)), 100, 0.0)
    assert len(curve.at) == len(curve.time) == len(curve.loss) == len(curve.lr) <= MOST_STEPS
    assert len(curve.at) > MOST_STEPS / 3
    assert {99.0, -99.0} <= set(curve.loss) and any(map(math.isnan, curve.loss))
    assert curve.at == sorted(curve.at) and curve.time[-1] == 3 * MOST_STEPS - 1


FIGURE = st.none() | st.floats(0, 1e9)


@given(st.lists(FIGURE, min_size=1, max_size=9))
def test_mean_of_samples(values):
    samples = [e.MachineSampled(time=float(n), gpu_percent=value) for n, value in enumerate(values)]
    mean, known = mean_sample(samples), [value for value in values if value is not None]
    assert mean.time == len(values) - 1 and mean.cpu_percent is None
    assert (mean.gpu_percent is None) == (not known)
    assert mean.gpu_percent is None or min(known) * (1 - 1e-9) <= mean.gpu_percent <= max(known) * (1 + 1e-9)


def test_the_machine_log_is_bounded_and_goes_on():
    log = MachineLog()
    for number in range(2 * MOST_SAMPLES + 1):
        log.add(e.MachineSampled(time=float(number), cpu_percent=100.0 * (number % 2)))
    times = [one.time for one in log.samples]
    assert MOST_SAMPLES / 2 <= len(times) <= MOST_SAMPLES and times == sorted(set(times))
    assert times[-1] == 2 * MOST_SAMPLES and {one.cpu_percent for one in log.samples[:100]} == {50.0}
    assert [one.time for one in log.since(2 * MOST_SAMPLES - 2)] == [2 * MOST_SAMPLES - 1, 2 * MOST_SAMPLES]


def test_the_last_figures_are_the_runs_whatever_trial_is_shown():
    sample = e.MachineSampled(time=3.0, cpu_percent=98.5, gpu_celsius=None)
    assert from_json(to_json(sample)) == sample
    view = begun().apply_all([sample, e.TrialStarted(number=1, of=2, label="fold 1", folder="")])
    assert view.machine == sample and view.machine_log.samples == [sample]
