"""Runs that are stopped at an exact point and taken up again, and what has to be equal afterwards."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, fields
from functools import partial
from pathlib import Path
from typing import Any

import torch

from engine import RunConfig, RunView, StopToken, read_journal, train
from engine import events as e
from engine.checkpoint import Checkpoints
from engine.commands import Command
from engine.runview import _PER_EPOCH

Action = Callable[[StopToken], object]


class Timed(StopToken):
    """A token that does things to itself when the run looks at it for the n-th time, from 1.

    The run looks once before the first batch of an epoch, once after each batch and once after each epoch. now: what happens
    when it looks the n-th time, in the midst of a validation or a test, whether it has to hurry.
    """

    def __init__(self, actions: Mapping[int, Action] | None = None, now: Mapping[int, Action] | None = None) -> None:
        super().__init__()
        self._actions, self._hurries = dict(actions or {}), dict(now or {})
        self.looks = self.glances = 0

    @property
    def attention(self) -> bool:
        self.looks += 1
        if (action := self._actions.pop(self.looks, None)) is not None:
            action(self)
        return super().attention

    @property
    def now(self) -> bool:
        if self._reason is None:  # a look at a run that is stopped already is of no interest
            self.glances += 1
            if (action := self._hurries.pop(self.glances, None)) is not None:
                action(self)
        return super().now


def stop(token: StopToken) -> None:
    """In a hurry, as SIGTERM asks for it."""
    token.stop("terminated")


def stop_and_test(token: StopToken) -> None:
    token.stop("stopped")


BATCHES = 6
LOOKS = BATCHES + 2  # at the token in an epoch: one before its batches, one after each of them, one behind it


def small_config(make_config: Callable[..., RunConfig], **sections: Any) -> RunConfig:
    """A run of a tenth of a second: epochs of six batches, the last of which is smaller and none of which begins evenly in memory."""
    run = {"epochs": 3, "batch_size": 25, **sections.pop("run", {})}
    return make_config(**{"data": {"source": "wine"}, "model": {"hidden": [8]}, **sections}, run=run)


def plan(**at: Command) -> Timed:
    """A token that obeys commands at looks: plan(l5=Edit(...), l9=Revert())."""
    return Timed({int(name[1:]): partial(_obey, command) for name, command in at.items()})


def script_token(script: Sequence[tuple[int, Command]]) -> Timed:
    """A token that obeys commands at looks."""
    return Timed({at: partial(_obey, command) for at, command in script})


def _obey(command: Command, token: StopToken) -> None:
    token.obey(command)


def stopped_at(config: RunConfig, look: int, action: Action = stop) -> str:
    """The folder of a run that was stopped when it looked at its token for the `look`-th time."""
    result = train(config, (), Timed({look: action}))
    assert result.reason in ("terminated", "stopped")
    return result.folder


def refusals(view: RunView) -> list[str]:
    """What the log says of commands that were refused."""
    return [text for _, text in view.log if " refused: " in text]


def view_of(folder: str | Path) -> RunView:
    """The journal of a run, folded."""
    return RunView().apply_all(read_journal(Path(folder) / "events.jsonl"))


def folder_of(seen: list[e.Event]) -> Path:
    """The folder of the run that these are the first events of."""
    first: Any = seen[0]
    return Path(first.folder)


def end_of(folder: str | Path) -> str:
    """Why a run ended, by its record."""
    end = view_of(folder).end
    return end.reason if end else ""


def events_of(folder: str | Path, *kinds: type[e.Event]) -> list[Any]:
    """Those events of a run that are of one of the kinds; without any, all."""
    return [one for one in read_journal(Path(folder) / "events.jsonl") if not kinds or isinstance(one, kinds)]


def last_content(folder: str | Path) -> Any:
    """What the newest checkpoint of a run holds."""
    problems: list[str] = []
    loaded = Checkpoints(Path(folder) / "checkpoints", read_only=True).load_newest(problems)
    assert loaded is not None, problems
    return loaded.content


_CLOCK = ("time", "seconds", "samples_per_second")


def figures(view: RunView) -> dict[str, Any]:
    """Every figure of a run's record but those of the clock, as text, in which NaN equals NaN."""
    found: dict[str, Any] = {name: getattr(view, name) for name in ("epochs", *_PER_EPOCH) if name not in _CLOCK}
    found |= {name: getattr(view, name) for name in ("best_epoch", "best_loss", "total_epochs", "config")}
    for name in ("test", "report", "stopping", "restored", "summary"):
        event = getattr(view, name)
        found[name] = event and {key: one for key, one in asdict(event).items() if key not in _CLOCK}
    found["findings"] = sorted((one.kind, one.began, one.confidence) for one in view.findings.values())
    found["edits"] = [(one.number, one.epoch, one.batch, one.changes) for one in view.edits]
    found["trials"] = [
        (one.number, one.epochs, one.train_loss, one.val_loss, one.ended and {**asdict(one.ended), **_NO_CLOCK})
        for one in view.trials
    ]
    return {name: repr(value) for name, value in found.items()}


_NO_CLOCK = dict.fromkeys(_CLOCK, 0.0)


def difference(one: Any, other: Any, path: str = "") -> str:
    """Where two nested values differ first, bit for bit; "" when they do not."""
    if type(one) is not type(other):
        return f"{path}: {type(one).__name__} and {type(other).__name__}"
    if isinstance(one, torch.Tensor):
        same = one.dtype == other.dtype and one.shape == other.shape
        return "" if same and one.numpy().tobytes() == other.numpy().tobytes() else f"{path}: {one} and {other}"
    if isinstance(one, Mapping):
        if list(one) != list(other):
            return f"{path}: {list(one)} and {list(other)}"
        return next(filter(None, (difference(one[key], other[key], f"{path}.{key}") for key in one)), "")
    if isinstance(one, list | tuple):
        if len(one) != len(other):
            return f"{path}: {len(one)} and {len(other)} items"
        pairs = zip(one, other, strict=True)
        return next(filter(None, (difference(a, b, f"{path}[{at}]") for at, (a, b) in enumerate(pairs))), "")
    return "" if repr(one) == repr(other) else f"{path}: {one!r} and {other!r}"


def assert_equal_runs(folder: str | Path, other: str | Path, *, but: tuple[str, ...] = ()) -> None:
    """Two runs have the same history, the same figures, and the same last state in every bit, but for some of its parts."""
    first, second = figures(view_of(folder)), figures(view_of(other))
    wrong = [f"{name}: {first[name]} and {second[name]}" for name in first if first[name] != second[name]]
    assert not [line for line in wrong if line.split(":")[0] not in but], wrong
    trials = [path.name for path in sorted(Path(folder).glob("fold-*"))]
    trials += [path.name for path in sorted(Path(folder).glob("restart-*"))]
    for sub in trials or [""]:
        one, two = (last_content(Path(where) / sub) for where in (folder, other))
        for part in but:
            one.pop(part, None)
            two.pop(part, None)
        wrong_part = difference(one, two)
        assert not wrong_part, wrong_part
        names = [Path(where) / sub / "model.safetensors" for where in (folder, other)]
        assert names[0].read_bytes() == names[1].read_bytes()


def consistent(view: RunView) -> None:
    """What holds for the fold of any record."""
    assert view.epochs == list(range(1, len(view.epochs) + 1))
    for item in fields(RunView):
        if item.name in _PER_EPOCH:
            assert len(getattr(view, item.name)) == len(view.epochs), item.name
    losses = [one for one in view.val_loss if one == one]
    assert view.best_epoch in (0, *view.epochs)
    if view.best_epoch and losses:
        assert view.best_loss == view.val_loss[view.best_epoch - 1]
    assert len(view.epochs) <= view.total_epochs
    assert [edit.number for edit in view.edits] == list(range(1, len(view.edits) + 1))


def scalars_of(folder: str | Path) -> dict[str, list[tuple[int, float]]]:
    """What TensorBoard's own reader makes of a folder: (step, value) by tag."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    reader = EventAccumulator(str(folder), size_guidance={"scalars": 0})
    reader.Reload()
    return {tag: [(one.step, one.value) for one in reader.Scalars(tag)] for tag in reader.Tags()["scalars"]}


def damage(path: Path, at: int) -> None:
    """Flip a bit."""
    content = bytearray(path.read_bytes())
    content[at] ^= 1
    path.write_bytes(content)


def newest_checkpoint(folder: str | Path) -> Path:
    return max((Path(folder) / "checkpoints").glob("*.pt"))


def lines_of(folder: str | Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (Path(folder) / "events.jsonl").read_text("utf-8").splitlines()]
