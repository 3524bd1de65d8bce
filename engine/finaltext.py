"""What a run leaves on the terminal: its figures, the test part in detail, what to do next. Plain text that outlives a screen."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Sequence
from pathlib import Path

from .configfile import check
from .console import final_rows
from .events import ReportMade
from .facts import Answer
from .invocation import command_line
from .knobs import knob_by_key
from .plaintext import cells, fit, wrap
from .record import STOPPED
from .report import label_of
from .runview import RunView
from .subjects import Subject, most_confused, subjects, worst_first
from .text import clean
from .whatnext import Advice, advice, advised

MOST_MISTAKES = 5
MOST_CLASSES = 20
"""So many classes have a row each; of more, the worst."""

_LABEL = 12  # cells of the first column
_NAME = 18  # cells of a class's name at the most


def terminal_width() -> int:
    """Cells of a line here: of the terminal, within reason; 100 where there is none, as in a pipe."""
    return min(140, max(40, shutil.get_terminal_size((100, 24)).columns))


def final_text(view: RunView, width: int = 100, ascii_only: bool = False) -> str:
    """The whole of it, in lines of at most `width` cells; only commands and paths are longer where they must be.

    What matters most comes last: it is what stands above the prompt then, whatever has scrolled away.

    ascii_only: foreign names in ASCII as well, for a terminal that has nothing else.
    """
    blocks = [*report_blocks(view, width, ascii_only), rows_text(final_rows(view), width), next_block(view, width)]
    text = "\n\n".join(block for block in blocks if block)
    return text.encode("ascii", "replace").decode() if ascii_only else text


def rows_text(rows: Sequence[tuple[str, str]], width: int) -> str:
    """Names and texts as two columns; a text that is too long goes on below itself."""
    lines = []
    for name, text in rows:
        # A path or a command must stay in one piece, to be copied.
        parts = [text] if name in ("run folder", "status") else wrap(text, width - _LABEL)
        lines += [f"{name if number == 0 else '':<{_LABEL - 1}} {part}" for number, part in enumerate(parts)]
    return "\n".join(lines)


def report_blocks(view: RunView, width: int, ascii_only: bool = False) -> list[str]:
    """The test part in detail: figures of each class with the confusion counts, and the worst mistakes."""
    found = subjects(view)
    if not found:
        return []
    subject, names = found[0], view.data.class_names if view.data else ()
    blocks = [confusion_block(subject, names, width, ascii_only)] if subject.report.classes else []
    return [*blocks, mistakes_block(subject, names, width, ascii_only)]


def confusion_block(subject: Subject, names: tuple[str, ...], width: int, ascii_only: bool = False) -> str:
    """Confusion counts with precision, recall, F1 and rows beside them where there is room; else the worst classes alone."""
    report = subject.report
    of = f", {subject.name}" if subject.name else ""
    classes = len(report.classes)
    labels = [label_of(index, names) for index in range(classes)]
    figures = f"  {'precision':>9} {'recall':>6} {'F1':>6} {'rows':>6}"
    name_width = min(_NAME, max(5, *map(cells, labels)), max(6, width - len(figures)))
    digits = max(len(str(count)) for row in report.confusion for count in row)
    room = width - name_width - len(figures)
    column = max(digits, min(max(cells(label) for label in labels), 12, max(1, room // classes - 1))) + 1
    lines = []
    if classes <= MOST_CLASSES and column * classes <= room and column > digits:
        lines += wrap(f"test part{of}: a row for each true class, a column for each answer", width, 2)
        heads = "".join(" " + fit(label, column - 1, ascii_only, right=True) for label in labels)
        lines.append(f"{'':<{name_width}}{heads}{figures}")
        for index, row in enumerate(report.confusion):
            counts = "".join(f"{count or '.':>{column}}" for count in row)
            lines.append(fit(labels[index], name_width, ascii_only) + counts + _figures(report, index))
        return "\n".join(lines)
    shown = worst_first(report)[:MOST_CLASSES] if classes > MOST_CLASSES else list(range(classes))
    which = f"the {len(shown)} worst of {classes} classes" if len(shown) < classes else "by class"
    lines += wrap(f"test part{of}, {which}", width, 2)
    lines.append(f"{'':<{name_width}}{figures}")
    lines += [fit(labels[index], name_width, ascii_only) + _figures(report, index) for index in shown]
    if pairs := most_confused(report, MOST_MISTAKES):
        lines.append("")
        lines.append("most often confused (true > answered)")
        for one in pairs:
            words = f"{labels[one.truth]} > {labels[one.answer]}"
            lines.append(fit(words, min(2 * _NAME + 3, width - 24), ascii_only) + f"  {one.rows} rows, {one.share:.0%}")
    return "\n".join(lines)


def _figures(report: ReportMade, index: int) -> str:
    row = report.classes[index]
    return f"  {row.precision:>9.3f} {row.recall:>6.3f} {row.f1:>6.3f} {row.support:>6}"


def mistakes_block(subject: Subject, names: tuple[str, ...], width: int, ascii_only: bool = False) -> str:
    """The worst mistakes, a line each; "" when there is none."""
    report = subject.report
    shown = report.mistakes[:MOST_MISTAKES]
    if not shown:
        return ""
    quantities = not report.classes
    many = report.rows if quantities else report.wrong
    what = "largest errors" if quantities else "worst mistakes" if len(shown) < many else "mistakes, worst first"
    of = f", {len(shown)} of {many}" if len(shown) < many else ""
    lines = wrap(f"{what}{of} (rows count from 0 in the test part)", width, 2)
    texts = [(label_of(one.truth, names), label_of(one.answer, names)) for one in shown]
    true_width = min(_NAME, max(cells(true) for true, _ in texts))
    answer_width = min(_NAME, max(cells(answer) for _, answer in texts))
    row_width = max(len(str(one.row)) for one in shown)
    for number, (one, (true, answer)) in enumerate(zip(shown, texts, strict=True)):
        place = f"{subject.places[number]} " if subject.places else ""
        line = f"  {place}row {one.row:>{row_width}}  true {fit(true, true_width, ascii_only)}"
        line += f"  answered {fit(answer, answer_width, ascii_only)}  {how_sure(one, quantities)}"
        lines.append(fit(line.rstrip(), width, ascii_only).rstrip())
        if one.text:
            lines.append(fit(f"      {one.text}", width, ascii_only).rstrip())
    return "\n".join(lines)


def how_sure(one: Answer, quantities: bool) -> str:
    """How far off an answer is, or how sure the model was of it."""
    if quantities:
        return f"off by {one.answer - one.truth:+.4g}"
    return f"probability {one.probability:.2f}" if one.probability == one.probability else ""


# ---- what to do next ----


def next_block(view: RunView, width: int) -> str:
    """What speaks for which next step, and the commands; "" for a run without a folder or one that is under way."""
    if view.end is None or not view.folder:
        return ""
    lines = []
    for one in advice(view):
        lines += wrap(f"advice: {advice_words(one)}", width, 2)
    pairs = commands(view)
    label = max(len(name) for name, _ in pairs)
    return "\n".join([*lines, *(f"{name:<{label}}  {command}" for name, command in pairs)])


def advice_words(one: Advice) -> str:
    """An advice on one line: why, and what to do."""
    rows = knob_by_key()
    if one.action == "again":
        what = ", ".join(f"{rows[key].label} {text}" for key, text in one.changes.items())
        return f"{one.why}: again with {what}"
    fields = ", ".join(rows[key].label for key in one.fields if key in rows)
    return f"{one.why}: {one.words}" + (f": {fields}" if fields else "")


def commands(view: RunView) -> list[tuple[str, str]]:
    """What a person may type now, as (what for, command), quoted for a shell."""
    name = run_words(view.folder)
    found = [("look at it", f"nntui attach {name}")]
    if view.own_loop:  # only the script itself could go on with it
        return found
    if view.end is not None and view.end.reason in STOPPED:
        found.append(("go on", f"nntui resume {name}"))
    elif not view.planned_trials and view.best_epoch:
        found.append(("10 epochs more", f"nntui resume {name} --more 10"))
    config, _ = check(view.config)
    if config is not None:
        first = next((one for one in advice(view) if one.action == "again"), None)
        better = advised(config, first) if first else None
        if better is not None:
            found.append(("with the advice", clean(command_line(better), 4000)))
        if config.run.tensorboard:
            found.append(("all curves", f"tensorboard --logdir {shlex.quote(_near(Path(view.folder).parent))}"))
    return found


def run_words(folder: str) -> str:
    """A run as it can be named from here: its name alone where runs are looked for, else its folder; quoted for a shell."""
    path = Path(folder)
    name = path.name if path.parent == Path("runs").absolute() else _near(path)
    return shlex.quote(clean(name, 4000))


def _near(path: Path) -> str:
    """A path from the working folder where it lies below, else whole."""
    whole = os.path.abspath(path)
    here = os.getcwd()
    return os.path.relpath(whole, here) if whole.startswith(here.rstrip(os.sep) + os.sep) else whole
