"""Previews without torch: answers made up at once, or held back until a test lets them go."""

from __future__ import annotations

import threading
from collections.abc import Callable

from engine.config import RunConfig
from engine.data.catalogue import card
from engine.errors import Fault
from engine.preview import DataPreview, Histogram, Layer, Memory, ModelPreview, Part, Picture, Point

Find = Callable[[RunConfig], tuple[Fault, ...]]


class Answers:
    """Stands in for the engine's previews; remembers what it was asked.

    held: answers wait until `let_go`. fault: of every answer. find: faults of some settings, of the model's half alone when the
    first one's key is of no data.
    """

    def __init__(self, held: bool = False, fault: Fault | None = None, find: Find | None = None) -> None:
        self.asked: list[RunConfig] = []
        self.models: list[RunConfig] = []
        self._open = threading.Event()
        self._find = find or (lambda config: (fault,) if fault is not None else ())
        if not held:
            self._open.set()

    def let_go(self) -> None:
        """Answer from now on."""
        self._open.set()

    def data(self, config: RunConfig) -> DataPreview:
        self.asked.append(config)
        assert self._open.wait(60)
        if (faults := self._find(config)) and (not faults[0].key or faults[0].key.startswith("data.")):
            return DataPreview(dataset=config.data.source, faults=faults)
        return data_of(config.data.source)

    def model(self, config: RunConfig) -> ModelPreview:
        self.models.append(config)
        if faults := self._find(config):
            return ModelPreview(faults=faults)
        widths = config.model.hidden
        layers = [Layer(str(i), "linear", "", (width,), width * 10 + i) for i, width in enumerate(widths)]
        return ModelPreview(
            layers=tuple(layers),
            parameters=sum(layer.parameters for layer in layers),
            batch_size=config.run.batch_size,
            batches_per_epoch=45,
            steps_per_epoch=45,
            total_steps=45 * config.run.epochs,
            device="cpu",
            memory=Memory(100_000, 50_000, 100_000, 200_000, 1_000_000, available=8_000_000_000),
            schedule=tuple((step, config.optimizer.lr) for step in range(0, 45 * config.run.epochs, 450)),
        )


def data_of(source: str) -> DataPreview:
    """A made-up look at a dataset: of the right kind and size, its values nonsense."""
    known = card(source)
    parts = (("train", 800), ("validation", 100), ("test", 100))
    if known is None:
        return DataPreview(
            source, "regression", 1000, 3, (3,), "price", (), (), tuple(Part(*part) for part in parts), _HISTOGRAM,
            ("a", "b", "price"), (("1", "2", "3"), ("4", "5", "6")),
        )  # fmt: skip
    names = tuple(f"class {i}" for i in range(known.classes))
    counts = tuple(1000 // known.classes for _ in names)
    points = tuple(Point(i % 10, i % 7, i % 2) for i in range(40)) if known.features == 2 else ()
    return DataPreview(
        dataset=source,
        task=known.task,
        rows=known.rows,
        features=known.features,
        shape=known.shape or (known.features,),
        target="class",
        class_names=names,
        class_counts=counts,
        parts=tuple(Part(*part) for part in parts),
        histogram=Histogram() if names else _HISTOGRAM,
        header=("x1", "x2", "class"),
        sample_rows=(("0.5", "-1.25", "class 0"), ("1.5", "2", "class 1")),
        points=points,
        points_names=("x1", "x2") if points else (),
        pictures=(Picture("class 0", tuple((i / 8,) * 8 for i in range(8))),) * 3 if known.shape else (),
    )


_HISTOGRAM = Histogram(0.0, 10.0, (1, 3, 7, 3, 1))
