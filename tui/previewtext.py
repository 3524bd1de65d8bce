"""A preview in words and drawings. Pure: records in, text of a given width out."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.text import Text

from engine.config import RunConfig
from engine.plaintext import table
from engine.preview import DataPreview, Layer, Memory, ModelPreview, sample_words

from .drawing import Line, class_bars, curve, histogram, scatter
from .faults import told
from .looks import Look
from .paths import size_words
from .pictures import gallery
from .text import clean, fit

_NO_DATA, _NO_MODEL = DataPreview(), ModelPreview()


@dataclass(frozen=True, slots=True)
class Known:
    """What is known so far. config: that `data` and `model` are about; None before the first answer. working: a newer answer is
    awaited. stale: the settings have a fault, and what is shown belongs to those before. command: the equivalent command line.
    """

    data: DataPreview = _NO_DATA
    model: ModelPreview = _NO_MODEL
    config: RunConfig | None = None
    working: bool = False
    stale: bool = False
    command: str = ""


def brief(known: Known) -> str:
    """The most important of it on one line."""
    if known.config is None:
        return "..." if known.working else ""
    faults = [*known.data.faults, *known.model.faults]
    if faults:
        return clean(faults[0].line())
    parts = ["+".join(str(part.rows) for part in known.data.parts) + " rows"] if known.data.parts else []
    if known.model.layers:
        parts.append(counted(known.model.parameters, "parameter"))
        if known.model.steps_per_epoch:
            parts.append(f"{counted(known.model.steps_per_epoch, 'step')}/epoch")
        parts.append(size_words(known.model.memory.total) + ("" if known.model.memory.fits else ": DOES NOT FIT"))
    words = "  ".join(parts)
    return f"{words} ..." if known.working else f"({words})" if known.stale else words


def counted(number: int, what: str) -> str:
    """``1 step``, ``1,200 steps``."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def state_words(known: Known) -> str:
    """How new it is, on one short line."""
    return "to mend first; of the settings before:" if known.stale else "..." if known.working else ""


def preview_text(known: Known, width: int, look: Look) -> Text:
    """All of it, in lines of at most `width` cells."""
    out = _Lines(width)
    if known.config is not None:
        _add_data(out, known.data, look)
        _add_model(out, known.model, look)
    if known.command:
        out.heading("Command")
        for line in textwrap.wrap(known.command, width, break_long_words=True, break_on_hyphens=False):
            out.add(clean(line, width))
    return out.text


class _Lines:
    def __init__(self, width: int) -> None:
        self.text = Text(no_wrap=True, overflow="crop")
        self.width = width

    def add(self, line: str, style: str = "") -> None:
        for part in textwrap.wrap(line, self.width) or [""]:
            self.text.append(fit(part, self.width).rstrip() + "\n", style=style)

    def exactly(self, lines: Iterable[str], style: str = "") -> None:
        for line in lines:
            self.text.append(fit(line, self.width).rstrip() + "\n", style=style)

    def draw(self, lines: Iterable[Line], look: Look) -> None:
        for line in lines:
            for span in line:
                self.text.append(span.text, style=look.style(span.paint))
            self.text.append("\n")

    def heading(self, words: str) -> None:
        if self.text:
            self.text.append("\n")
        self.text.append(f"{fit(words, self.width).rstrip()}\n", style="bold")


def _add_data(out: _Lines, data: DataPreview, look: Look) -> None:
    out.heading("Data")
    if data.task:
        out.add(shape_words(data))
    rows = sum(part.rows for part in data.parts)
    for part in data.parts:
        share = f"{100 * part.rows / rows:.0f}%" if rows else ""
        out.exactly([f"  {part.name:<12}{part.rows:>9,}{share:>6}"])
    if data.class_counts:
        out.text.append("\n")
        out.draw(class_bars(data.class_names, data.class_counts, out.width, 12, look.charset), look)
    elif data.histogram.counts:
        out.text.append("\n")
        out.draw(histogram(data.histogram, out.width, 5, look.charset), look)
    _add_words(out, data.notes, told(data.faults))


def shape_words(data: DataPreview) -> str:
    """``1,797 rows, 8x8 pictures, 10 classes``."""
    size = sample_words(data.shape, data.features, data.vocabulary)
    what = (
        f"{len(data.class_names)} classes"
        if data.task == "classification"
        else f"a quantity ({clean(data.target, 30)})"
    )
    return f"{data.rows:,} rows, {size}, {what}"


def _add_words(out: _Lines, notes: Sequence[str], faults: Sequence[str]) -> None:
    for note in notes:
        out.add(clean(note), "dim")
    for fault in faults:
        out.add(f"! {clean(fault)}", "bold")


def _add_model(out: _Lines, model: ModelPreview, look: Look) -> None:
    if model.layers:
        out.heading("Model")
        out.exactly(layer_lines(model.layers, model.parameters, out.width))
        out.heading("Training")
        if model.steps_per_epoch:
            times = f" x {model.trials} trials" if model.trials > 1 else ""
            steps = counted(model.steps_per_epoch, "step")
            out.add(f"{steps} of {counted(model.batch_size, 'row')} an epoch, {model.total_steps:,} in all{times}")
        out.add(clean(model.device))
        _add_memory(out, model.memory)
    if model.schedule:
        out.heading("Learning rate")
        out.draw(curve(model.schedule, out.width, 7, look.charset), look)
    _add_words(out, model.notes, told(model.faults) if model.layers else [])


def layer_lines(layers: Sequence[Layer], parameters: int, width: int) -> list[str]:
    """A table: what a layer is, the shape behind it, its parameters; an activation stands with the layer before."""
    rows: list[tuple[str, str, str]] = []
    for layer in layers:
        name = clean(f"{layer.kind} {layer.detail}".strip(), 40)
        shape = "x".join(map(str, layer.output))
        rows.append((name, shape, f"{layer.parameters:,}" if layer.parameters else ""))
    rows.append(("in all", "", f"{parameters:,}"))
    shape_width = max(len(shape) for _, shape, _ in rows)
    count_width = max(len(count) for _, _, count in rows)
    first = max(1, min(width - shape_width - count_width - 4, max(len(name) for name, _, _ in rows) + 2))
    return [f"  {fit(name, first)}{shape:>{shape_width}}  {count:>{count_width}}" for name, shape, count in rows]


def _add_memory(out: _Lines, memory: Memory) -> None:
    room = f" of {size_words(memory.available)} free" if memory.available else ""
    verdict = "" if not memory.available else ": fits" if memory.fits else ": DOES NOT FIT"
    out.add(f"about {size_words(memory.total)}{room}{verdict}", "" if memory.fits else "bold")
    parts = ("weights", memory.weights), ("gradients", memory.gradients), ("optimizer", memory.optimizer)
    more = ("activations", memory.activations), ("data", memory.data)
    out.add(", ".join(f"{name} {size_words(size)}" for name, size in (*parts, *more) if size), "dim")


def data_drawing(data: DataPreview, width: int, look: Look) -> Text:
    """How a dataset looks: points, pictures or bars, then a few of its rows."""
    out = _Lines(width)
    charset = look.charset
    if data.points:
        height = max(8, min(12, width // 2))
        out.draw(scatter(data.points, width, height, data.class_names, data.points_names, charset), look)
    elif data.pictures:
        _add_pictures(out, data, look)
    elif data.class_counts:
        out.draw(class_bars(data.class_names, data.class_counts, width, 12, charset), look)
    elif data.histogram.counts:
        out.draw(histogram(data.histogram, width, 6, charset), look)
    if data.vocabulary:
        for text, label in data.sample_rows[:6]:
            out.text.append("\n")
            out.add(clean(label), "bold")
            out.add(clean(text))
    elif data.sample_rows and not data.pictures:
        out.text.append("\n")
        out.exactly(table(data.header, data.sample_rows[:6], width, look.ascii_only))
    _add_words(out, data.notes, told(data.faults))
    return out.text


def _add_pictures(out: _Lines, data: DataPreview, look: Look) -> None:
    """Rows of pictures, all on the same scale, each picture over its label."""
    in_greys = look.colour and look.greys
    across = max((len(row) for one in data.pictures for row in one.rows), default=1) * (1 if in_greys else 2)
    count = max(1, min(len(data.pictures), (out.width + 2) // (across + 2)))
    room = (out.width + 2) // count - 2
    for first in range(0, len(data.pictures), count):
        some = data.pictures[first : first + count]
        out.draw(gallery(some, min(out.width, len(some) * (room + 2) - 2), 9, look.charset, in_greys), look)
