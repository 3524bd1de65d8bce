"""The TensorBoard log of a run: curves, histograms, settings as hyperparameters, pictures, figures and text in one file.

A run folder is one run in TensorBoard. Everything is made from events and from the arrays that the run was trained on; the
model is never touched here.
"""

from __future__ import annotations

import importlib.util
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import events as e
from . import hparams
from .config import RunConfig
from .configfile import dump_config
from .console import final_table
from .data.prepared import Prepared
from .facts import Histogram
from .longcurves import FIGURES, mean_sample
from .measures import measure_label
from .report import label_of, sides
from .runview import RunView
from .text import clean

if TYPE_CHECKING:
    from torch.utils.tensorboard.writer import SummaryWriter


_IN_A_HURRY = ("interrupted", "terminated")
"""Ends after which nobody waits for figures: drawing them takes a second or two."""


def missing_for_figures() -> str:
    """Why the log will have no figures, as a line for the person; "" when matplotlib is installed."""
    if importlib.util.find_spec("matplotlib") is not None:
        return ""
    return "matplotlib is not installed: the TensorBoard log will have no pictures and figures"


class TensorBoardSink:
    """Writes what happens to an event file in `folder`; the step of everything is the epoch.

    data: the arrays of the run, from which the pictures of the rows named in a report are taken. Figures are drawn when the
    run, or the trial that this log belongs to, has ended, and only then is matplotlib imported.

    before: the view of a run that is taken up again. Its log goes on in another file in the same folder, which begins by
    saying from which step on the older ones no longer count (TensorBoard's purge_step), so that every step has one value.
    """

    name = "TensorBoard"

    def __init__(self, folder: Path, config: RunConfig, data: Prepared, before: RunView | None = None) -> None:
        self._folder, self._config, self._data = folder, config, data
        self._writer: SummaryWriter | None = None
        self._view = before or RunView()
        self._waits = before is not None
        self._tested = before.test.epoch if before is not None and before.test is not None else 0
        self._regions: e.RegionsMapped | None = None
        self._finished = False
        self._sampled = self._view.now  # up to when the machine's figures are in the log

    def write(self, event: e.Event) -> None:
        if isinstance(event, e.Rewound):
            self._go_on_from(event)
        self._view.apply(event)
        if self._waits:  # where training stands is said in a moment
            return
        writer = self._open(event)
        if isinstance(event, e.TestMeasured):
            if event.epoch == self._tested:
                return  # the same weights were tested before the run went on: the same values at the same step
            self._tested = event.epoch
        found = scalars(event, self._view)
        if isinstance(event, e.EpochEnded):
            found |= system_scalars(self._view.machine_log.since(self._sampled))
            self._sampled = event.time
        if found:
            # On disk at once; the checkpoint that goes on behind this epoch is saved later: a kill leaves no gap.
            _add_scalars(writer, found, getattr(event, "epoch", 0), event.time)
        match event:
            case e.WeightsSampled():
                for one in event.histograms:
                    _add_histogram(writer, one, event)
            case e.FindingRaised():
                writer.add_text("findings", finding_text(event), event.epoch, walltime=event.time)
            case e.ReportMade():
                text = report_text(event, self._data.class_names)
                writer.add_text("report", text, event.epoch, walltime=event.time)
            case e.RegionsMapped():
                self._regions = event
            case e.RunEnded() | e.TrialEnded():
                self._finish(event.time, event.reason)

    def close(self) -> None:
        if self._writer is None:
            return
        try:
            self._finish(self._view.now, "failed")  # only when no end was told: a trial that raised
        finally:
            self._writer.close()

    def _open(self, event: e.Event) -> SummaryWriter:
        """The writer. Opened with the first event, so that a failure here is the tee's to report, like any later one."""
        if self._writer is None:
            from .boardfile import BoardWriter

            self._writer = BoardWriter(self._folder)
            self._add_hparams(hparams.experiment(), event.time)
            self._add_hparams(hparams.session_start(self._config, event.time), event.time)
            self._writer.add_text("config", _block(dump_config(self._config), "toml"), 0, walltime=event.time)
        return self._writer

    def _go_on_from(self, event: e.Rewound) -> None:
        """A new file, from the first epoch that is trained once more."""
        from .boardfile import BoardWriter

        if self._writer is not None:
            self._writer.close()
        self._waits = False
        self._tested = self._tested if self._tested <= event.epochs else 0
        self._writer = BoardWriter(self._folder, event.epochs + 1)

    def _finish(self, time: float, reason: str) -> None:
        """What can only be said at the end. Figures come last: if one fails, nothing else is lost."""
        if self._finished or self._writer is None:
            return
        self._finished = True
        step = len(self._view.epochs)
        self._writer.add_text("result", _block(final_table(self._view)), step, walltime=time)
        self._add_hparams(hparams.session_end(reason, time), time)
        if self._config.run.figures and reason not in _IN_A_HURRY and not missing_for_figures():
            self._add_figures(self._writer, step, time)

    def _add_figures(self, writer: SummaryWriter, step: int, time: float) -> None:
        from . import figures

        for tag, picture in figures.all_figures(self._view, self._data, self._regions, sides(self._view)):
            writer.add_image(tag, picture, step, walltime=time, dataformats="HWC")

    def _add_hparams(self, summary: Any, time: float) -> None:
        """A message to the hparams plugin, in this run's own file: `SummaryWriter.add_hparams` would make a second run."""
        assert self._writer is not None and self._writer.file_writer is not None
        self._writer.file_writer.add_summary(summary, 0, time)


# -- scalars and histograms ---------------------------------------------------------------------------------------------

_NOT_ALWAYS = ("gradient_cosine", "val_rise_error")
"""Fields that are NaN in the epochs in which they were not measured."""

_NO_CURVES = frozenset(["time", "trial", "epoch", "best_epoch", "seconds", "baseline"])
_PARTS = {"train_metrics": "train", "val_metrics": "validation", "metrics": "test"}


def scalars(event: e.Event, view: RunView) -> dict[str, float]:
    """The TensorBoard scalars of an event, by tag: every number that it has.

    Curves that belong on one chart share the part of the tag before the slash (``loss/train``, ``loss/validation``). A
    field without a tag of its own goes by its name; one number per metric or per layer goes by their names.
    """
    if not isinstance(event, e.EpochEnded | e.TestMeasured):
        return {}
    metric = view.metric
    tags = {
        "train_loss": "loss/train", "train_loss_running": "loss/train_running", "val_loss": "loss/validation",
        "train_metric": f"{metric}/train", "train_metric_running": f"{metric}/train_running",
        "val_metric": f"{metric}/validation", "loss": "loss/test", "metric": f"{metric}/test", "lr": "learning_rate",
        "grad_norm": "gradient_norm", "grad_norm_clipped": "gradient_norm_clipped",
    }  # fmt: skip
    found: dict[str, float] = {}
    for item in fields(event):
        value: Any = getattr(event, item.name)
        if item.name in _NO_CURVES or (item.name in _NOT_ALWAYS and value != value):
            continue
        if isinstance(value, int | float) and not isinstance(value, bool):
            found[tags.get(item.name, item.name)] = value
        elif isinstance(value, dict):
            part = _PARTS.get(item.name, item.name)
            found = {f"{_measure(name, view)}/{part}": one for name, one in value.items()} | found
        elif isinstance(value, tuple) and value and all(isinstance(one, float) for one in value):
            names = [name for name, _ in view.model.layers] if view.model else []
            names = names if len(names) == len(value) else [str(count) for count in range(1, len(value) + 1)]
            found |= {f"{item.name}/{name}": one for name, one in zip(names, value, strict=True)}
    return found


def system_scalars(samples: list[e.MachineSampled]) -> dict[str, float]:
    """The means of what the machine had to do during an epoch, by tag; none for an epoch in which it was not told."""
    if not samples:
        return {}
    figures = ((name, getattr(mean_sample(samples), name)) for name in FIGURES)
    return {f"system/{name}": value for name, value in figures if value is not None}


def _measure(name: str, view: RunView) -> str:
    """A measure's name as a part of a tag, the same as that of the curve that the primary one has already."""
    return clean(measure_label(name, len(view.data.class_names) if view.data else 0)).replace("²", "2")


def _add_scalars(writer: SummaryWriter, found: dict[str, float], step: int, time: float) -> None:
    """All scalars of a step in one record, which costs a tenth of `add_scalar` for each of them."""
    from tensorboard.compat.proto import summary_pb2

    proto: Any = summary_pb2
    values = [proto.Summary.Value(tag=tag, simple_value=value) for tag, value in found.items()]
    assert writer.file_writer is not None
    writer.file_writer.add_summary(proto.Summary(value=values), step, time)


def _add_histogram(writer: SummaryWriter, one: Histogram, event: e.WeightsSampled) -> None:
    writer.add_histogram_raw(
        f"{one.kind}/{one.name}",
        min=one.low,
        max=one.high,
        num=sum(one.counts),
        sum=one.total,
        sum_squares=one.squares,
        bucket_limits=one.limits(),
        bucket_counts=list(one.counts),
        global_step=event.epoch,
        walltime=event.time,
    )


# -- text, as Markdown --------------------------------------------------------------------------------------------------


def _block(text: str, language: str = "") -> str:
    """Text in a fixed-width font, as it is."""
    return f"````{language}\n{text.rstrip()}\n````"


def finding_text(event: e.FindingRaised) -> str:
    """A finding of the diagnosis: what, why, and what to do."""
    lines = [f"**{clean(event.title)}** ({event.confidence})", "", clean(event.evidence, 2000), ""]
    return "\n".join([*lines, *(f"- {clean(action)}" for action in event.actions)])


def report_text(event: e.ReportMade, class_names: tuple[str, ...]) -> str:
    """The report as tables: figures per class, then the worst mistakes."""
    lines = []
    if event.classes:
        lines += ["| class | precision | recall | F1 | rows |", "|---|---|---|---|---|"]
        for index, row in enumerate(event.classes):
            name = _cell(label_of(index, class_names))
            lines.append(f"| {name} | {row.precision:.4f} | {row.recall:.4f} | {row.f1:.4f} | {row.support} |")
        lines.append("")
    lines += ["| test row | true | answer | loss |", "|---|---|---|---|"]
    for one in event.mistakes:
        true, answer = (_cell(label_of(value, class_names)) for value in (one.truth, one.answer))
        lines.append(f"| {one.row} | {true} | {answer} | {one.loss:.4g} |")
    return "\n".join(lines)


def _cell(text: str) -> str:
    """Foreign text that cannot end a table's cell."""
    return clean(text, 60).replace("\\", "\\\\").replace("|", "\\|")
