"""What a run has come to, in lines for a screen: figures, classes, trials, mistakes. Pure: records in, lines of spans out."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.cells import cell_len

from engine.console import final_rows
from engine.events import ReportMade, TrialEnded
from engine.facts import Answer
from engine.finaltext import advice_words, how_sure
from engine.plaintext import bar, wrap
from engine.report import label_of, sides
from engine.runview import RunView
from engine.subjects import Subject, worst_first
from engine.text import clean
from engine.whatnext import Advice
from engine.words import end_words

from .drawing import Line, Span, fit
from .looks import Look
from .pictures import picture

LABEL = 12  # cells of a row's name in the table of figures
REST = ("time", "units", "run folder")  # what stands at the end of the summary
ODD = 2.0  # standard deviations from the mean; what lies farther out is marked


def folded(text: str, width: int) -> list[str]:
    """`text` in lines of at most `width` cells, as a screen counts them."""
    return wrap(text, max(8, width), measure=cell_len)


# ---- the summary ----


def summary_lines(view: RunView, found: Sequence[Advice], width: int, look: Look) -> list[Line]:
    """The figures, where the run under- and overfits, what to do next with the key that does it, and the rest."""
    rows = final_rows(view)
    if view.summary is not None:  # the trials have a page of their own
        rows = [*_summed_up(view, look), *(row for row in rows if row[0] in ("ended", "warning", *REST))]
    if view.best_epoch and not view.planned_trials and (graph := sides(view)) is not None:
        rows.append(("epochs", graph.words()))
    lines = _rows([row for row in rows if row[0] not in REST], width)
    lines += [[], [Span("What next", "bold")]]
    for key, words in next_steps(view, found):
        for number, part in enumerate(folded(words, width - 4)):
            lines.append([Span(f" {key if number == 0 else '':<3}", "bold"), Span(part)])
    return [*lines, [], *_rows([row for row in rows if row[0] in REST], width)]


def _summed_up(view: RunView, look: Look) -> list[tuple[str, str]]:
    """Mean and standard deviation over the trials, of the validation and the test part."""
    s, metric = view.summary, clean(view.metric, 20)
    assert s is not None
    sign = "+-" if look.ascii_only else "±"

    def of(mean: float, sd: float) -> str:
        return f"{mean:.4f}" + (f" {sign} {sd:.4f}" if s.count > 1 else "")

    best = next((clean(trial.label, 30) for trial in view.trials if trial.number == s.best_trial), "none")
    loss, test = of(s.val_loss_mean, s.val_loss_sd), of(s.test_loss_mean, s.test_loss_sd)
    return [
        ("trials", f"{s.count} with finite figures, best by validation: {best}"),
        ("validation", f"loss {loss}   {metric} {of(s.val_metric_mean, s.val_metric_sd)}"),
        ("test", f"loss {test}   {metric} {of(s.test_metric_mean, s.test_metric_sd)}"),
    ]


def _rows(rows: Sequence[tuple[str, str]], width: int) -> list[Line]:
    lines: list[Line] = []
    for name, text in rows:
        paint = "bold" if name in ("test", "warning", "mean") else ""
        for number, part in enumerate(folded(text, width - LABEL)):
            lines.append([Span(f"{name if number == 0 else '':<{LABEL}}", "dim"), Span(part, paint)])
    return lines


def next_steps(view: RunView, found: Sequence[Advice]) -> list[tuple[str, str]]:
    """Keys and what they do now."""
    steps = [("a" if number == 0 else "", advice_words(one)) for number, one in enumerate(found)]
    if view.own_loop:
        steps = [("", words) for _, words in steps]
        return [*steps, ("C", "compare with other runs"), ("n", "set up another run")]
    if view.folder and not view.planned_trials and view.best_epoch:
        steps.append(("+", "go on: more epochs from where it ended"))
    if any(one.action == "again" for one in found):
        steps.append(("f", "try the advice: see what it changes, then run it"))
    if view.folder and view.best_epoch and not (view.summary and view.summary.kind == "kfold"):
        steps.append(("F", "fork: a new run from the best weights"))
    steps.append(("e", "export: a plain PyTorch program, the weights, TorchScript, ONNX"))
    if view.folder:
        steps.append(("C", "compare with other runs"))
    return [*steps, ("n", "set up another run")]


# ---- classes ----


def class_lines(report: ReportMade, names: tuple[str, ...], width: int, worst: bool, look: Look) -> list[Line]:
    """Precision, recall, F1 and rows of each class, in their order or the worst first, with a bar over F1; then their means."""
    order = worst_first(report) if worst else list(range(len(report.classes)))
    labels = [label_of(index, names) for index in range(len(report.classes))]
    name_width = min(24, max([4, *map(len, labels)]), max(4, width - 36))
    bar_width = max(0, min(30, width - name_width - 36))
    head = f"{'class':<{name_width}}  precision recall     F1   rows"
    lines: list[Line] = [[Span(fit(head, width, look.charset), "dim")]]
    for index in order:
        row = report.classes[index]
        drawn = bar(row.f1, bar_width, look.charset != "braille" and look.ascii_only)
        figures = f"  {row.precision:>9.3f} {row.recall:>6.3f} {row.f1:>6.3f} {row.support:>6}  "
        lines.append(
            [Span(fit(labels[index], name_width, look.charset)), Span(figures), Span(drawn, "series0" if drawn else "")]
        )
    seen = [row for row in report.classes if row.support]
    if seen:
        means = [sum(values) / len(seen) for values in zip(*((r.precision, r.recall, r.f1) for r in seen), strict=True)]
        right = 1 - report.wrong / max(1, report.rows)
        words = f"{'mean':<{name_width}}  {means[0]:>9.3f} {means[1]:>6.3f} {means[2]:>6.3f} {report.rows:>6}"
        lines.append([Span(fit(words, width, look.charset), "bold")])
        lines.append([Span(fit(f"accuracy {right:.4f}: {report.wrong} of {report.rows} rows wrong", width), "dim")])
    return lines


# ---- trials ----


def trial_lines(view: RunView, width: int, look: Look) -> list[Line]:
    """Best epoch, validation and test of each trial, the best one marked; then mean and standard deviation."""
    metric = fit(clean(view.metric, 12), 8, look.charset).strip()
    narrow = width < 90
    head = f"{'':<12} {'epoch':>5} {'val loss':>9} {f'val {metric}':>12} {'test loss':>9} {f'test {metric}':>13}"
    head += "" if narrow else f" {'time':>8}"
    lines: list[Line] = [[Span(fit(head, width, look.charset), "dim")]]
    best = view.summary.best_trial if view.summary else 0
    for trial in view.trials:
        end = trial.ended
        name = fit(clean(trial.label, 40), 12, look.charset)
        if end is None:
            lines.append([Span(f"{name} did not end", "dim")])
            continue
        words = f"{name} {end.best_epoch:>5} {_trial_figures(*_figures_of(end))}" + (
            "" if narrow else f" {end.seconds:>7.1f}s"
        )
        odd = "" if end.reason in ("epochs_done", "early_stopping") else f"  {end_words(end.reason)}"
        mark = "  best" if end.number == best else ""
        lines.append([Span(fit(f"{words}{mark}{odd}", width, look.charset), "bold" if mark else "")])
    if (s := view.summary) is not None and s.count:
        mean = _trial_figures(s.val_loss_mean, s.val_metric_mean, s.test_loss_mean, s.test_metric_mean)
        lines += [[], [Span(fit(f"{'mean':<12} {'':>5} {mean}", width, look.charset), "bold")]]
        if s.count > 1:
            sd = _trial_figures(s.val_loss_sd, s.val_metric_sd, s.test_loss_sd, s.test_metric_sd)
            lines.append([Span(fit(f"{'sd':<12} {'':>5} {sd}", width, look.charset))])
    return lines


def _figures_of(end: TrialEnded) -> tuple[float, float, float, float]:
    return end.val_loss, end.val_metric, end.test_loss, end.test_metric


def _trial_figures(val_loss: float, val_metric: float, test_loss: float, test_metric: float) -> str:
    return f"{val_loss:>9.4f} {val_metric:>12.4f} {test_loss:>9.4f} {test_metric:>13.4f}"


# ---- mistakes ----


def mistake_list(subject: Subject, names: tuple[str, ...], at: int, most: int, look: Look) -> tuple[int, list[Line]]:
    """The mistakes, a line each, the one in hand marked; and the cells they take, `most` at the most."""
    report, texts = subject.report, []
    arrow = ">" if look.ascii_only else "→"
    for number, one in enumerate(report.mistakes):
        place = f"{subject.places[number]} " if subject.places else ""
        if report.classes:
            words = f"{label_of(one.truth, names)} {arrow} {label_of(one.answer, names)}  {one.probability:.2f}"
        else:
            words = f"{one.truth:.4g}  off by {one.answer - one.truth:+.4g}"
        texts.append(f"{'>' if number == at else ' '}{place}{one.row:>4}  {words} ")
    width = max(1, min(most, max(map(cell_len, texts), default=1)))
    return width, [
        [Span(fit(text, width, look.charset), "reverse" if number == at else "")] for number, text in enumerate(texts)
    ]


def mistake_words(one: Answer, report: ReportMade, names: tuple[str, ...]) -> str:
    """A mistake on one line."""
    true, answer = label_of(one.truth, names), label_of(one.answer, names)
    return f"row {one.row}: true {true}, answered {answer}, {how_sure(one, not report.classes)}".rstrip(", ")


def inputs_lines(
    one: Answer, report: ReportMade, width: int, height: int, odd_first: bool, first: int, look: Look
) -> list[Line]:
    """What the row looks like: its text, its picture, or its values by name, with how far each lies from the mean of the training rows."""
    if one.text:
        parts = folded(one.text, width)
        if len(parts) > height:
            parts = [*parts[: height - 1], "..." if look.ascii_only else "…"]
        return [[Span(fit(part, width, look.charset))] for part in parts]
    if not one.values:
        return [[Span(part, "dim")] for part in folded("the record has no inputs of this row", width)][:height]
    if len(report.shape) == 2:
        return _picture_lines(one, report, width, height, look)
    return _value_lines(one, report, width, height, odd_first, first, look)


def _picture_lines(one: Answer, report: ReportMade, width: int, height: int, look: Look) -> list[Line]:
    rows, columns = report.shape
    low, high = report.limits
    span = high - low if high > low else 1.0
    grey = [(value - low) / span for value in one.values]
    pixels = [grey[row * columns : (row + 1) * columns] for row in range(rows)]
    return picture(pixels, width, height, look.charset, look.colour and look.greys)


def _value_lines(
    one: Answer, report: ReportMade, width: int, height: int, odd_first: bool, first: int, look: Look
) -> list[Line]:
    names = report.feature_names
    labels = [clean(names[index]) if index < len(names) else f"input {index}" for index in range(len(one.values))]
    distance = distances(one, report)
    order = list(range(len(one.values)))
    if odd_first and distance:
        order.sort(key=lambda index: -abs(distance[index]) if math.isfinite(distance[index]) else 0.0)
    name_width = max(6, min(max(map(len, labels)), width - (26 if distance else 12)))
    head = f"{'input':<{name_width}} {'value':>10}" + ("  from the mean" if distance else "")
    lines: list[Line] = [[Span(fit(head, width, look.charset), "dim")]]
    room = max(1, height - 1)
    more = len(order) > room
    first = max(0, min(first, len(order) - room + more)) if more else 0
    shown = order[first : first + room - more]
    for index in shown:
        text = f"{fit(labels[index], name_width, look.charset)} {one.values[index]:>10.6g}"
        far = ""
        if distance:
            far = f"  {distance[index]:+.1f} sd" + (" !" if abs(distance[index]) > ODD else "")
        lines.append([Span(fit(text + far, width, look.charset), "bold" if far.endswith("!") else "")])
    if more or report.features > len(order):
        beyond = f", of {report.features}" if report.features > len(order) else ""
        words = f"{first + 1}-{first + len(shown)} of {len(order)} told{beyond}; PgUp, PgDn"
        lines.append([Span(fit(words, width, look.charset), "dim")])
    return lines[:height]


def distances(one: Answer, report: ReportMade) -> list[float]:
    """How many standard deviations each value lies from the mean of the training rows; empty where that is not known."""
    if len(report.means) != len(one.values) or len(report.scales) != len(one.values):
        return []
    return [
        (value - mean) / scale if scale else 0.0
        for value, mean, scale in zip(one.values, report.means, report.scales, strict=True)
    ]
