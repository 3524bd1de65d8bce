"""Runs written down as lists of events, for screens that are tested without torch: see tui.source.ScriptedSource."""

from __future__ import annotations

from engine import events as e
from engine.errors import InputError, data_error

BEGAN = 1_700_000_000.0
SECONDS = 2.0  # an epoch takes so long in these runs
STEPS = 100


def opening(
    run: str = "20260101-120000-digits-mlp",
    folder: str = "/runs/20260101-120000-digits-mlp",
    epochs: int = 50,
    metric: str = "accuracy",
    device: str = "cpu",
    class_names: tuple[str, ...] = ("0", "1"),
    dataset: str = "digits",
) -> list[e.Event]:
    """What every run that begins tells first."""
    return [
        e.RunStarted(time=BEGAN, run=run, folder=folder, config={}, device=device),
        e.DataPrepared(
            time=BEGAN,
            dataset=dataset,
            task="classification" if metric == "accuracy" else "regression",
            train_rows=1437,
            validation_rows=180,
            test_rows=180,
            shape=(64,),
            class_names=class_names,
        ),
        e.ModelBuilt(
            time=BEGAN,
            layers=(("hidden 1", 8320), ("output", 650)),
            parameters=8970,
            epochs=epochs,
            steps_per_epoch=STEPS,
            batch_size=16,
            metric=metric,
            metric_mode="max" if metric == "accuracy" else "min",
        ),
    ]


def epoch(
    number: int, train: float, val: float, best_epoch: int, metric: float = 0.9, lr: float = 0.001
) -> list[e.Event]:
    """An epoch from its first step to its figures."""
    ends = BEGAN + SECONDS * number
    return [
        e.EpochStarted(time=ends - SECONDS, epoch=number),
        e.StepsDone(time=ends - SECONDS / 2, epoch=number, step=STEPS // 2, samples_per_second=12_300.0),
        e.EpochEnded(
            time=ends,
            epoch=number,
            train_loss=train,
            val_loss=val,
            train_metric=metric,
            val_metric=metric - 0.02,
            lr=lr,
            penalty=0.0,
            grad_norm=0.5,
            seconds=SECONDS,
            samples_per_second=12_300.0,
            best_epoch=best_epoch,
        ),
    ]


def checked(number: int, best: float, best_epoch: int, patience: int = 10, min_delta: float = 1e-4) -> e.Event:
    """Where early stopping stands after epoch `number`."""
    return e.EarlyStoppingChecked(
        time=BEGAN + SECONDS * number,
        epoch=number,
        best=best,
        best_epoch=best_epoch,
        waited=number - best_epoch,
        patience=patience,
        must_beat=best - min_delta,
    )


def closing(
    reason: e.EndReason = "epochs_done", epochs: int = 20, best_epoch: int = 20, metric: float = 0.9722, error: str = ""
) -> list[e.Event]:
    """The best weights put back, the test part measured, the end."""
    ends = BEGAN + SECONDS * epochs + 1
    return [
        e.BestRestored(time=ends, epoch=best_epoch, val_loss=0.231),
        e.TestMeasured(time=ends, epoch=best_epoch, loss=0.1234, metric=metric, baseline=0.1013),
        e.RunEnded(time=ends, reason=reason, epochs=epochs, best_epoch=best_epoch, seconds=ends - BEGAN, error=error),
    ]


def healthy(epochs: int = 20) -> list[e.Event]:
    """Both losses fall to the end."""
    events = opening(epochs=epochs)
    for number in range(1, epochs + 1):
        val = 0.2 + 1.5 / number
        events += [*epoch(number, 0.1 + 1.5 / number, val, number, 1 - 0.5 / number), checked(number, val, number)]
    return events + closing(epochs=epochs, best_epoch=epochs)


def counting_down(patience: int = 10, best: float = 0.231, best_epoch: int = 12) -> list[e.Event]:
    """The best epoch is the 12th; from there on validation only rises, and early stopping ends the run."""
    events = opening()
    for number in range(1, best_epoch + patience + 1):
        lowest = best + max(0, best_epoch - number) * 0.05
        val = lowest if number <= best_epoch else best + (number - best_epoch) * 0.001
        at = min(number, best_epoch)
        events += [
            *epoch(number, val * 0.9, val, at),
            checked(number, lowest if number <= best_epoch else best, at, patience),
        ]
    return events + closing("early_stopping", best_epoch + patience, best_epoch)


def raised(number: int, began: int = 11, confidence: str = "likely", title: str = "") -> e.FindingRaised:
    """The warning of overfitting."""
    return e.FindingRaised(
        time=BEGAN + SECONDS * number,
        epoch=number,
        kind="overfitting",
        confidence=confidence,
        began=began,
        title=title or f"overfitting since epoch {began}",
        evidence="validation loss 0.42 is 9% above its best 0.384 (epoch 10) and rises steadily (Mann-Kendall Z 4.1)",
        actions=("stop here and keep the weights of the best epoch", "more training data", "dropout 0.2 to 0.5"),
        knobs=("early_stopping.enabled", "regularization.dropout"),
    )


def overfitting(epochs: int = 40, best_epoch: int = 10, warned: int = 26) -> list[e.Event]:
    """Early stopping is off, training falls and validation rises; the warning comes, and grows more certain."""
    events = opening(epochs=epochs)
    for number in range(1, epochs + 1):
        val = 0.384 + abs(number - best_epoch) * (0.06 if number < best_epoch else 0.004)
        events += epoch(number, 1.2 / number, val, min(number, best_epoch), 0.95)
        if number == warned:
            events.append(raised(number, best_epoch + 1))
        elif number == warned + 5:
            events.append(raised(number, best_epoch + 1, "certain"))
    return events + closing(epochs=epochs, best_epoch=best_epoch)


def paused(after: int = 3) -> list[e.Event]:
    """A run that is paused in the epoch after epoch `after`, goes on, and is then asked to stop."""
    events = opening()
    for number in range(1, after + 1):
        events += [*epoch(number, 1 / number, 1.1 / number, number), checked(number, 1.1 / number, number)]
    events += [e.EpochStarted(epoch=after + 1), e.Paused(epoch=after + 1), e.Resumed(epoch=after + 1)]
    return [*events, e.StopAsked(reason="stopped"), *closing("stopped", after, after)]


def failed(error: str = "RuntimeError: CUDA out of memory") -> list[e.Event]:
    """Two epochs, then a failure."""
    events = opening()
    for number in (1, 2):
        events += epoch(number, 1 / number, 1.1 / number, number)
    return [*events, e.RunEnded(reason="failed", epochs=2, best_epoch=2, seconds=4.0, error=error)]


def diverging() -> list[e.Event]:
    """The loss grows beyond all bounds and is no number in the end."""
    events = opening(metric="RMSE")
    for number, loss in enumerate([1.0, 1e10, 1e300, float("inf"), float("nan")], 1):
        events += [*epoch(number, loss, loss * 2, 1, loss), checked(number, 2.0, 1)]
    return [*events, e.RunEnded(reason="non_finite", epochs=5, best_epoch=1, seconds=9.0)]


def refused(key: str = "data.source", problem: str = "no such file", where: str = "data.csv") -> InputError:
    """What a source holds when its run never began: no events, and this error."""
    return data_error(key, problem, "check the path", where)


ALL = {
    "healthy": healthy,
    "counting_down": counting_down,
    "overfitting": overfitting,
    "paused": paused,
    "failed": failed,
    "diverging": diverging,
}
