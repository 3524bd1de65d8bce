"""Several runs side by side: the settings that differ, and the figures with the best of each marked. No torch."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from .config import RunConfig
from .configfile import check
from .history import view_of
from .knobs import Knob, knobs, show, values, visible
from .measures import MEASURES, measure_label
from .plaintext import cells, fit
from .rundir import RunDir
from .runview import RunView
from .text import clean
from .words import end_words

MOST = 26
"""So many runs can be compared: each has a letter."""

UNTOLD = ("run.name", "run.folder", "monitor.script")
"""Knobs that say nothing of what was trained."""

_LABEL = 20  # cells of the names of rows
_CELL = 10  # and of a value at the least


@dataclass(frozen=True, slots=True)
class Compared:
    """A run among those that are compared. letter: what stands for it in tables and charts."""

    letter: str
    name: str
    view: RunView


@dataclass(frozen=True, slots=True)
class Row:
    """One figure or setting of every run, in their order. numbers: NaN where there is none; empty where it is no number.

    best: the places of the best ones; empty where they do not compare. key: of the knob, or the figure's name.
    """

    key: str
    label: str
    texts: tuple[str, ...]
    numbers: tuple[float, ...] = ()
    best: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """All of it. notes: what a person should know before judging by it."""

    runs: tuple[Compared, ...]
    figures: tuple[Row, ...]
    settings: tuple[Row, ...]
    notes: tuple[str, ...] = field(default=())


def compare(runs: Sequence[RunDir]) -> Comparison:
    """Read the runs and compare them. Raises InputError when one cannot be read."""
    return comparison([(run.name, view_of(run)[0]) for run in runs])


def comparison(runs: Sequence[tuple[str, RunView]]) -> Comparison:
    """Compare runs by (name, view); MOST of them at the most."""
    found = tuple(
        Compared(chr(ord("A") + place), clean(name, 200), view) for place, (name, view) in enumerate(runs[:MOST])
    )
    views = [one.view for one in found]
    notes = []
    datasets = {view.data.dataset for view in views if view.data}
    same_data = len(datasets) < 2
    if not same_data:
        notes.append(
            f"different datasets ({', '.join(sorted(clean(name, 40) for name in datasets))}): nothing is marked as best"
        )
    losses = {str(_raw(view, "loss", "name")) for view in views}
    if same_data and len(losses) > 1:
        notes.append("different losses: their values do not compare, the other figures do")
    if any(view.end is None for view in views):
        notes.append("not all of them have ended")
    return Comparison(
        found, tuple(_figures(views, same_data, same_data and len(losses) < 2)), tuple(_settings(views)), tuple(notes)
    )


# ---- figures ----


def _figures(views: Sequence[RunView], marked: bool, losses_marked: bool) -> list[Row]:
    same_metric = len({view.metric for view in views}) == 1
    metric = clean(views[0].metric, 20) if views and same_metric else "metric"
    mode: Literal["min", "max"] = views[0].model.metric_mode if views and views[0].model else "max"
    rows = [
        _numbers(
            "val_loss", "validation loss", [_of_best(view, "loss") for view in views], "min" if losses_marked else None
        ),
        _numbers(
            "val_metric",
            f"validation {metric}",
            [_of_best(view, "metric") for view in views],
            mode if marked and same_metric else None,
        ),
        _numbers("test_loss", "test loss", [_tested(view, "loss") for view in views], "min" if losses_marked else None),
        _numbers(
            "test_metric",
            f"test {metric}",
            [_tested(view, "metric") for view in views],
            mode if marked and same_metric else None,
        ),
    ]
    names = dict.fromkeys(name for view in views if view.test for name in view.test.metrics)
    classes = max((len(view.data.class_names) for view in views if view.data), default=0)
    for name in names:
        label = clean(measure_label(name, classes), 20)
        if name in MEASURES and label != metric:
            figures = [
                view.test.metrics.get(name, math.nan) if view.test and not view.planned_trials else math.nan
                for view in views
            ]
            rows.append(_numbers(f"test_{name}", f"test {label}", figures, MEASURES[name].mode if marked else None))
    rows = [row for row in rows if any(map(math.isfinite, row.numbers))]
    rows.append(Row("best_epoch", "best epoch", tuple(_best_epoch(view) for view in views)))
    rows.append(
        _numbers(
            "parameters",
            "parameters",
            [float(view.model.parameters) if view.model and view.model.parameters else math.nan for view in views],
            None,
            ",.0f",
        )
    )
    rows.append(
        _numbers("seconds", "seconds", [view.end.seconds if view.end else math.nan for view in views], None, ".1f")
    )
    rows.append(Row("ended", "ended", tuple(end_words(view.end.reason) if view.end else "not yet" for view in views)))
    if any(view.findings for view in views):
        rows.append(
            Row("warnings", "warnings", tuple(", ".join(sorted(map(clean, view.findings))) or "-" for view in views))
        )
    return rows


def _numbers(
    key: str, label: str, numbers: Sequence[float], mode: Literal["min", "max"] | None, form: str = ".4g"
) -> Row:
    finite = [number for number in numbers if math.isfinite(number)]
    best: frozenset[int] = frozenset()
    if mode is not None and len(finite) > 1:
        top = min(finite) if mode == "min" else max(finite)
        best = frozenset(place for place, number in enumerate(numbers) if number == top)
        best = best if len(best) < len(numbers) else frozenset()  # all equal: none is better
    texts = tuple(f"{number:{form}}" if math.isfinite(number) else "-" for number in numbers)
    return Row(key, label, texts, tuple(numbers), best)


def _of_best(view: RunView, what: Literal["loss", "metric"]) -> float:
    """The validation figure of the best epoch; of a run with trials their mean."""
    if view.planned_trials:
        summary = view.summary
        return math.nan if summary is None else summary.val_loss_mean if what == "loss" else summary.val_metric_mean
    if view.best_epoch not in view.epochs:
        return math.nan
    at = view.epochs.index(view.best_epoch)
    return view.val_loss[at] if what == "loss" else view.val_metric[at]


def _tested(view: RunView, what: Literal["loss", "metric"]) -> float:
    if view.planned_trials:
        summary = view.summary
        return math.nan if summary is None else summary.test_loss_mean if what == "loss" else summary.test_metric_mean
    return math.nan if view.test is None else view.test.loss if what == "loss" else view.test.metric


def _best_epoch(view: RunView) -> str:
    if view.planned_trials:
        return f"{sum(trial.ended is not None for trial in view.trials)} trials"
    return f"{view.best_epoch} of {len(view.epochs)}" if view.best_epoch else "-"


# ---- settings ----


def _raw(view: RunView, section: str, name: str) -> Any:
    return dict(view.config.get(section) or {}).get(name)


def _settings(views: Sequence[RunView]) -> list[Row]:
    """The knobs that mean something in one of the runs and are not the same in all, as a person types them; - where one means
    nothing."""
    configs = [check(view.config)[0] for view in views]
    told = [_told(view, config) for view, config in zip(views, configs, strict=True)]
    rows = []
    for row in knobs():
        texts = tuple(one.get(row.key, "-") for one in told)
        if row.key not in UNTOLD and len(set(texts)) > 1:
            rows.append(Row(row.key, row.key, texts))
    known = {row.key for row in knobs()}
    for key in dict.fromkeys(key for one in told for key in one if key not in known):  # those of scripts that train
        texts = tuple(one.get(key, "-") for one in told)
        if key not in UNTOLD and len(set(texts)) > 1:
            rows.append(Row(key, clean(key.removeprefix("settings."), 60), texts))
    edits = tuple(str(len(view.edits)) for view in views)
    if len(set(edits)) > 1:
        rows.append(Row("edits", "live edits", edits))
    return rows


def _told(view: RunView, config: RunConfig | None) -> dict[str, str]:
    """The settings of a run as texts; those of another version, which cannot be read, as they stand."""
    if config is None:
        return {
            f"{section}.{name}": _as_it_stands(value)
            for section, part in view.config.items()
            for name, value in dict(part).items()
        }
    current = values(config)
    return {row.key: _text(row, current[row.key]) for row in visible(current)}


def _as_it_stands(value: Any) -> str:
    return clean(", ".join(map(str, value)) if isinstance(value, list | tuple) else value, 60)


def _text(row: Knob, value: Any) -> str:
    return clean(show(row, value) or "none", 60)


# ---- as text ----


def comparison_lines(found: Comparison, width: int, ascii_only: bool = False) -> list[str]:
    """The comparison in lines of at most `width` cells; runs that have no room for a column stand in a table of their own below."""
    lines = [fit(f"{one.letter}  {one.name}", width, ascii_only).rstrip() for one in found.runs]
    lines += [fit(f"note: {note}", width, ascii_only).rstrip() for note in found.notes]
    per_table = max(1, (width - _LABEL) // (_CELL + 2))
    for first in range(0, len(found.runs), per_table):
        places = range(first, min(len(found.runs), first + per_table))
        lines += ["", *table_lines(found, places, width, ascii_only)]
    return lines


def table_lines(found: Comparison, places: Sequence[int], width: int, ascii_only: bool = False) -> list[str]:
    """The runs at these places as columns: the figures, the best with a star, then the settings that differ."""
    label = max([_LABEL, *(cells(row.label) for row in found.settings)])
    label = min(label, max(_LABEL, width - len(places) * (_CELL + 2)))
    column = max(1, min(24, (width - label) // max(1, len(places)) - 2))
    head = fit("", label) + "".join(f"  {found.runs[place].letter:>{column}}" for place in places)
    lines = [head.rstrip()]
    for row in found.figures:
        lines.append(_line(row, places, label, column, ascii_only))
    lines.append("")
    if found.settings:
        lines.append("settings that differ")
        lines += [_line(row, places, label, column, ascii_only) for row in found.settings]
    else:
        lines.append("no setting differs")
    return [line[:] if cells(line) <= width else fit(line, width, ascii_only) for line in lines]


def _line(row: Row, places: Sequence[int], label: int, column: int, ascii_only: bool) -> str:
    parts = [fit(row.label, label, ascii_only)]
    for place in places:
        star = "*" if place in row.best else " " if row.numbers else ""
        parts.append("  " + fit(row.texts[place] + star, column, ascii_only, right=True))
    return "".join(parts).rstrip()


def as_json(found: Comparison) -> dict[str, Any]:
    """The comparison for `json.dumps`; figures that are not finite are None."""
    runs = []
    for place, one in enumerate(found.runs):
        figures: dict[str, Any] = {}
        for row in found.figures:
            number = row.numbers[place] if row.numbers else None
            figures[row.key] = row.texts[place] if number is None else number if math.isfinite(number) else None
        runs.append({"name": one.name, "folder": one.view.folder, "figures": figures})
    best = {row.key: [found.runs[place].name for place in sorted(row.best)] for row in found.figures if row.best}
    settings = {row.key: list(row.texts) for row in found.settings}
    return {"runs": runs, "best": best, "settings": settings, "notes": list(found.notes)}
