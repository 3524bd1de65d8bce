"""What the children of the fork server do: train, go on, or run a command line, watched, and on request with a fault built in."""

from __future__ import annotations

import functools
import io
import json
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sklearn.datasets  # noqa: F401  -- imported once, here, and not in every child
import torch
from support.forkserver import PHASES, Place
from support.sinks import Acting

from engine import build_config, cli, execution, loop, runner, several, trials
from engine.boardfile import BoardWriter
from engine.checkpoint import Checkpoints, Loaded
from engine.commands import from_line
from engine.data.batches import Batches
from engine.events import CheckpointFailed, CheckpointSaved, EpochEnded, EpochsAdded, KnobsChanged, SinkFailed
from engine.eventwriter import EventWriter
from engine.journal import JournalTail
from engine.keeping import Keeper
from engine.manifest import Entry
from engine.sinks import ConsoleSink
from engine.training import Training

torch.set_num_threads(1)
torch.optim.SGD([torch.zeros(1)])  # the first optimizer imports a second's worth of modules

Nested = dict[str, dict[str, Any]]
At = Sequence[int] | None  # whole epochs, and batches of the next one
Ask = Sequence[Any]  # whole epochs, batches, and a line of commands.jsonl


# -- what they do -------------------------------------------------------------------------------------------------------


def train(place: Place, config: Nested, fault: str = "", asks: Sequence[Ask] = (), halt: At = None) -> int:
    """Train a new run. asks: what is asked of it, each at its place. halt: where to stand still until killed."""
    FAULTS[fault]()
    watch(place, halt)
    ask_for(asks)
    runner.train(build_config(config))
    return 0


def resume(place: Place, folder: str, fault: str = "", asks: Sequence[Ask] = (), halt: At = None) -> int:
    """Go on with a run. What the journal says was answered is not asked again."""
    FAULTS[fault]()
    watch(place, halt)
    told = journal(Path(folder))
    edits = {event.number for event in told if isinstance(event, KnobsChanged)}
    others = [event for event in told if isinstance(event, EpochsAdded) or getattr(event, "kind", "") == "asked"]
    ask_for(asks[len(edits) + len(others) :])
    runner.resume(folder)
    return 0


def command_line(place: Place, arguments: list[str]) -> int:
    """Run ``nntui ARGUMENTS`` and return its exit code."""
    watch(place)
    return cli.main(arguments)


def full_disk(place: Place, config: Nested, limit: int, full: Sequence[int], report: str) -> int:
    """Train while no file can grow beyond `limit` bytes, from the end of epoch full[0] to that of full[1], or to the end of
    the run when that is 0. Into `report` goes what was told, and which epoch's checkpoint could be loaded meanwhile.
    """
    watch(place)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    told: list[Any] = []
    good: list[int] = []

    def act(event: Any) -> None:
        if isinstance(event, CheckpointFailed | SinkFailed | CheckpointSaved):
            told.append([type(event).__name__, getattr(event, "sink", ""), getattr(event, "epochs", 0)])
        if not isinstance(event, EpochEnded):
            return
        told.append(["EpochEnded", "", event.epoch])
        if event.epoch == full[0]:
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, before[1]))
        if event.epoch == full[1]:
            good.append(whole_checkpoint())
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    def whole_checkpoint() -> int:
        (folder,) = Path(config["run"]["folder"]).iterdir()
        loaded = Checkpoints(folder / "checkpoints", read_only=True).load_newest()
        return -1 if loaded is None else loaded.entry.epochs

    with open(f"{report}.console", "w", encoding="utf-8") as console:
        result = runner.train(build_config(config), [ConsoleSink(console), Acting(act)])
        good.append(whole_checkpoint())
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    Path(report).write_text(json.dumps({"told": told, "good": good, "reason": result.reason, "test": result.test_loss}))
    return 0


def journal(folder: Path) -> list[Any]:
    """The events of a run so far."""
    tail, found = JournalTail(folder / "events.jsonl"), []
    while tail.behind:
        found += tail.read()
    return found


# -- where they stand ---------------------------------------------------------------------------------------------------


def watch(place: Place, halt: At = None) -> None:
    """Have this process tell where it stands."""
    inside(place, execution, "load", "loading")
    inside(place, loop, "train_epoch", "training")
    inside(place, loop, "measure_test", "test")
    inside(place, loop, "measure", "validation")
    inside(place, loop, "fit", "between")

    def saving(write: Callable[..., Any], *arguments: Any) -> Any:
        place.set("saves", place.get("saves") + 1)
        place.set("saving", 1)
        try:
            return write(*arguments)
        finally:
            place.set("saving", 0)

    def wanted(real: Callable[..., Any], keeper: Keeper, training: Training, now: float) -> Any:
        place.set("done", training.done)
        place.set("batch", training.batch)
        if halt and (training.done, training.batch) == tuple(halt):
            place.set("hold", 1)
            hold(place)
        return real(keeper, training, now)

    def run_trial(real: Callable[..., Any], emit: Any, keeper: Keeper, trial: Any, *rest: Any) -> Any:
        place.set("trial", trial.number if trial.label else 0)
        place.set("done", 0)
        return real(emit, keeper, trial, *rest)

    around(Checkpoints, "_write", saving)
    around(Keeper, "wanted", wanted)
    around(trials, "run_trial", run_trial)
    execution.run_trial = several.run_trial = trials.run_trial


def inside(place: Place, module: Any, name: str, phase: str) -> None:
    """Have `module.name` say that the process is in `phase`; measuring the test part is no validation."""

    def work(real: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        before = place.phase
        if before == "test":
            return real(*arguments, **named)
        place.enter(phase)
        if place.get("hold") == 1 + PHASES.index(phase):
            hold(place)
        try:
            return real(*arguments, **named)
        finally:
            place.enter(before)

    around(module, name, work)


def hold(place: Place) -> None:
    """Wait for as long as the test likes."""
    place.set("held", 1)
    while place.get("hold"):
        time.sleep(0.001)
    place.set("held", 0)


def around(owner: Any, name: str, wrapper: Callable[..., Any]) -> None:
    """Replace `owner.name` by `wrapper`, which is given the real one first."""
    real = getattr(owner, name)
    setattr(owner, name, functools.wraps(real)(lambda *arguments, **named: wrapper(real, *arguments, **named)))


def ask_for(asks: Sequence[Ask]) -> None:
    """Ask a run for things at exact places, as a screen would."""
    waiting = list(asks)

    def wanted(real: Callable[..., Any], keeper: Keeper, training: Training, now: float) -> Any:
        if waiting and (training.done, training.batch) == tuple(waiting[0][:2]):
            keeper.token.obey(from_line(waiting.pop(0)[2]))
        return real(keeper, training, now)

    around(Keeper, "wanted", wanted)


# -- faults: what the tests must be able to see -------------------------------------------------------------------------


def save_in_place() -> None:
    """One file, written over again and again, and read without a doubt."""

    def write(store: Checkpoints, job: Any) -> Any:
        store.folder.mkdir(parents=True, exist_ok=True)
        raw = io.BytesIO()
        torch.save(job.content, raw)
        raw.seek(0)
        with (store.folder / "latest.pt").open("wb", buffering=0) as file:
            while block := raw.read(2048):
                file.write(block)
                time.sleep(0.001)  # a disk that is not the fastest
        return OSError("not told")

    def load_newest(store: Checkpoints, problems: list[str] | None = None) -> Loaded | None:
        path = store.folder / "latest.pt"
        if not path.exists():
            return None
        entry = Entry(
            serial=1, epochs=0, batch=0, kind="latest", best=False, pinned=False, edit=0, time=0.0, size=0, sha256=""
        )
        return Loaded(entry, torch.load(path, weights_only=True))

    around(Checkpoints, "_write", lambda real, store, job: write(store, job))
    Checkpoints.load_newest = load_newest  # type: ignore[method-assign]


def forget_random_state() -> None:
    """Every generator begins anew."""
    around(Training, "_put_random_states", lambda real, training, states: None)


def forget_torch_state() -> None:
    """The process-wide generator begins anew: the one that dropout draws from."""

    def put(real: Callable[..., Any], training: Training, states: dict[str, Any]) -> None:
        real(training, {**states, "torch": torch.get_rng_state()})

    around(Training, "_put_random_states", put)


def forget_order() -> None:
    """The batches come in the order of the first epoch again."""

    def put(real: Callable[..., Any], training: Training, states: dict[str, Any]) -> None:
        real(training, {**states, "order": training.recipe.order.get_state()})

    around(Training, "_put_random_states", put)


def forget_position() -> None:
    """The epoch under way begins anew."""
    around(Batches, "shuffled", lambda real, batches, generator, done=0: real(batches, generator, 0))


def forget(*keys: str) -> Callable[[], None]:
    """A checkpoint without these parts: they are as in a new run."""

    def restore(real: Callable[..., Any], training: Training, content: dict[str, Any]) -> None:
        real(training, {**content, **{key: training.snapshot()[key] for key in keys}})

    return lambda: around(Training, "restore", restore)


def forget_gradients() -> None:
    """Of the batches that add up to a step, those before the kill are left out."""

    def restore(real: Callable[..., Any], training: Training, content: dict[str, Any]) -> None:
        partial = content["partial"]
        real(training, {**content, "partial": {**partial, "gradients": [None] * len(partial["gradients"])}})

    around(Training, "restore", restore)


def forget_edits() -> None:
    """What was changed after the newest checkpoint is not changed again."""
    around(Keeper, "make_again", lambda real, *rest: None)


def forget_to_unsay() -> None:
    """The TensorBoard log goes on without saying which of its steps no longer count."""

    def begin(real: Callable[..., Any], writer: Any, folder: Path, purge_step: int | None = None) -> None:
        real(writer, folder)

    around(BoardWriter, "__init__", begin)


def lag() -> None:
    """Not a fault: a disk under the TensorBoard log that takes its time."""

    def write(real: Callable[..., Any], *rest: Any) -> Any:
        time.sleep(0.02)
        return real(*rest)

    around(EventWriter, "add_event", write)


FAULTS: dict[str, Callable[[], None]] = {
    "": lambda: None,
    "saving in place": save_in_place,
    "no random state": forget_random_state,
    "no state of torch's generator": forget_torch_state,
    "no order of the batches": forget_order,
    "no place in the order": forget_position,
    "no optimizer": forget("optimizer"),
    "no schedule": forget("schedule"),
    "no average": forget("average"),
    "no early stopping": forget("stopping"),
    "no gradients": forget_gradients,
    "no edits": forget_edits,
    "no purge": forget_to_unsay,
    "a slow disk": lag,
}
