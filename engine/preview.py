"""What a configuration would train on and with, as plain records: light, frozen, JSON both ways.

engine.previewing fills them in; it imports torch and scikit-learn, this does not. A screen keeps the records of the last answer
and shows them; whatever is wrong with the input stands in `faults` and is never raised.

Empty tuples stand for what there is not: no None anywhere. All texts are safe to print (see engine.text).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from .errors import Fault
from .eventjson import plain, typed

HISTOGRAM_BINS = 20
SAMPLE_ROWS = 8
SAMPLE_POINTS = 400
SAMPLE_PICTURES = 6
SCHEDULE_POINTS = 200


@dataclass(frozen=True, slots=True)
class Part:
    """One part of the data. name: ``train``, ``validation`` or ``test``. class_counts: empty for a regression."""

    name: str
    rows: int
    class_counts: tuple[int, ...] = ()


def sample_words(shape: tuple[int, ...], inputs: int, vocabulary: int = 0) -> str:
    """What a sample is made of: ``8x8 pictures``, ``50 steps of 2 features``, ``texts of up to 128 words``, ``13 inputs``."""
    if vocabulary:
        return f"texts of up to {inputs} word{'s' if inputs > 1 else ''}"
    if len(shape) == 3:
        return f"{shape[1]}x{shape[2]} pictures" + (f" of {shape[0]} colours" if shape[0] > 1 else "")
    if len(shape) == 2:
        return f"{shape[0]} steps of {shape[1]} feature{'s' if shape[1] > 1 else ''}"
    return f"{inputs} input{'s' if inputs > 1 else ''}" if len(shape) < 2 else f"samples of {'x'.join(map(str, shape))}"


@dataclass(frozen=True, slots=True)
class Histogram:
    """How a target is distributed: `counts` in equal bins from `low` to `high`, in the units of the target.

    Without counts there is none. low equals high when all values are the same.
    """

    low: float = 0.0
    high: float = 0.0
    counts: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A row of a set with two inputs, in the units of the data. group: the index of its class."""

    x: float
    y: float
    group: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A row of a set of pictures: rows from the top, of grey values from 0 (dark) to 1, over the range of the whole set."""

    label: str
    rows: tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class DataPreview:
    """A dataset as it would be trained on.

    task: ``classification`` or ``regression``; "" when the data could not be read. rows: of all parts, before
    data.train_rows leaves any out. vocabulary: of texts, how many numbers stand for words, else 0. shape: (channels, height, width) of pictures, (time, features) of sequences, else (inputs,). class_counts: of the whole set,
    in the order of class_names. parts: train, validation and test, in that order; those of the first trial when there are
    folds. histogram: of the target of a regression. header and sample_rows: a few rows as short texts, the target last; of
    wide tables only the first columns. points: of a classification with two inputs, drawn evenly from all rows.
    points_names: what the two axes are called. notes: what a person should know, a line each. faults: what is wrong; the rest
    then says what could be found out all the same. streamed: it does not fit in memory, and is read batch by batch. seconds: how long this took; cached: whether the table was still in memory.
    """

    dataset: str = ""
    task: Literal["", "classification", "regression"] = ""
    rows: int = 0
    features: int = 0
    shape: tuple[int, ...] = ()
    target: str = ""
    class_names: tuple[str, ...] = ()
    class_counts: tuple[int, ...] = ()
    parts: tuple[Part, ...] = ()
    histogram: Histogram = Histogram()
    header: tuple[str, ...] = ()
    sample_rows: tuple[tuple[str, ...], ...] = ()
    vocabulary: int = 0
    points: tuple[Point, ...] = ()
    points_names: tuple[str, ...] = ()
    pictures: tuple[Picture, ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    seconds: float = 0.0
    cached: bool = False
    streamed: bool = False


@dataclass(frozen=True, slots=True)
class Layer:
    """A layer of a model. kind: in the field's words (``linear``, ``conv``, ``relu``, ``dropout``). detail: what else there
    is to say (``3x3, padding 1``, ``p 0.3``). output: the shape of one sample behind it. parameters: that training changes.
    """

    name: str
    kind: str
    detail: str
    output: tuple[int, ...]
    parameters: int


@dataclass(frozen=True, slots=True)
class Memory:
    """What training is expected to take on its device, in bytes.

    weights: parameters and buffers, with those of the best epoch and of the average where they are kept. gradients: of all
    parameters. optimizer: its state. activations: the most that a step or an evaluation needs beside these at once. data: the
    three parts as they lie on the device, and the shuffled copy of an epoch. checkpoint: the copy that is being written, where
    the device's memory is the host's. available: what is free there now, 0 when that is not known. An estimate: see
    engine.memory for the formula.
    """

    weights: int = 0
    gradients: int = 0
    optimizer: int = 0
    activations: int = 0
    data: int = 0
    checkpoint: int = 0
    available: int = 0

    @property
    def total(self) -> int:
        return self.weights + self.gradients + self.optimizer + self.activations + self.data + self.checkpoint

    @property
    def fits(self) -> bool:
        """Whether there is room; also when it is not known how much there is."""
        return not self.available or self.total <= self.available


@dataclass(frozen=True, slots=True)
class ModelPreview:
    """A model and its training as they would be built.

    parameters: that training changes, of all layers. batch_size: as it comes out for this data. steps_per_epoch: how often
    the optimizer steps in an epoch, which is the batches divided by run.accumulate. total_steps: of all epochs, if nothing
    stops the run earlier. trials: how many trainings there will be. device: in words (``cpu``, ``cuda (NVIDIA H200)``).
    schedule: (step, learning rate) from step 0 to the last one, SCHEDULE_POINTS at the most. notes: what a person should know, a line each.
    faults: what is wrong; the rest then says what could be found out all the same. seconds: how long this took.
    """

    layers: tuple[Layer, ...] = ()
    parameters: int = 0
    batch_size: int = 0
    batches_per_epoch: int = 0
    steps_per_epoch: int = 0
    total_steps: int = 0
    trials: int = 1
    device: str = ""
    memory: Memory = Memory()
    schedule: tuple[tuple[int, float], ...] = ()
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Preview:
    """Both, of one configuration."""

    data: DataPreview = DataPreview()
    model: ModelPreview = ModelPreview()

    @property
    def faults(self) -> tuple[Fault, ...]:
        """What is wrong, each thing once."""
        return tuple(dict.fromkeys((*self.data.faults, *self.model.faults)))


AnyPreview = TypeVar("AnyPreview", DataPreview, ModelPreview, Preview)


def to_json(preview: DataPreview | ModelPreview | Preview) -> str:
    """The record as one line of standard JSON; NaN and infinities become strings."""
    return json.dumps(plain(preview), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def from_json(line: str, kind: type[AnyPreview]) -> AnyPreview:
    """What `to_json` wrote. Raises ValueError when `line` is no such record."""
    try:
        body: Any = json.loads(line)
        if not isinstance(body, dict):
            raise TypeError("not an object")
        return typed(body, kind)
    except (TypeError, KeyError, AttributeError, OverflowError, RecursionError, ValueError) as error:
        raise ValueError(f"not a {kind.__name__}: {error}") from None
