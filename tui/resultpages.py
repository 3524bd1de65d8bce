"""The pages of the results: what each shows and what its keys move. State and lines, no widgets."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from engine.report import label_of
from engine.runview import RunView
from engine.subjects import Subject
from engine.whatnext import Advice

from .drawing import Line, Span, fit
from .heatmap import heat_map
from .looks import Look
from .plane import plane, roomy
from .resultlines import class_lines, inputs_lines, mistake_list, mistake_words, summary_lines, trial_lines

BESIDE = 60  # cells; from here on a mistake's inputs stand beside the list


class Page(Protocol):
    """One page. name: as its tab calls it. toggles: what `w` changes, or ""."""

    name: str
    toggles: str

    def lines(self, width: int, height: int, look: Look) -> list[Line]:
        """What is in sight in so many cells."""
        ...

    def move(self, across: int, down: int) -> None:
        """An arrow key was pressed, or PgUp or PgDn, which move down by ten."""
        ...

    def toggle(self) -> None:
        """The other order, or the other drawing."""
        ...


class Scrolled:
    """A page longer than the screen. Subclasses give all of its lines."""

    name = ""
    toggles = ""
    pinned = 0  # lines that stay at the top

    def __init__(self) -> None:
        self._first = 0

    def all_lines(self, width: int, look: Look) -> list[Line]:
        """Every line of the page."""
        raise NotImplementedError

    def lines(self, width: int, height: int, look: Look) -> list[Line]:
        found = self.all_lines(width, look)
        head, body = found[: self.pinned], found[self.pinned :]
        room = max(1, height - len(head))
        if len(body) <= room:
            self._first = 0
            return found
        self._first = max(0, min(self._first, len(body) - room + 1))
        shown = body[self._first : self._first + room - 1]
        end = self._first + len(shown)
        words = f"lines {self._first + 1}-{end} of {len(body)}; up, down"
        return [*head, *shown, [Span(fit(words, width, look.charset), "dim")]]

    def move(self, across: int, down: int) -> None:
        self._first = max(0, self._first + down)

    def toggle(self) -> None:
        pass


class SummaryPage(Scrolled):
    """The figures, and what to do next."""

    name = "summary"

    def __init__(self, view: RunView, found: Sequence[Advice]) -> None:
        super().__init__()
        self._view, self._found = view, found

    def all_lines(self, width: int, look: Look) -> list[Line]:
        return summary_lines(self._view, self._found, width, look)


class TrialsPage(Scrolled):
    """Folds or restarts."""

    name = "trials"
    pinned = 1

    def __init__(self, view: RunView) -> None:
        super().__init__()
        self._view = view

    def all_lines(self, width: int, look: Look) -> list[Line]:
        return trial_lines(self._view, width, look)


class ClassesPage(Scrolled):
    """Precision, recall and F1 of each class."""

    name = "classes"
    toggles = "worst first"
    pinned = 1

    def __init__(self, subject: Subject, names: tuple[str, ...]) -> None:
        super().__init__()
        self._subject, self._names, self._worst = subject, names, False

    def toggle(self) -> None:
        self._worst, self._first = not self._worst, 0
        self.toggles = "in order" if self._worst else "worst first"

    def all_lines(self, width: int, look: Look) -> list[Line]:
        return class_lines(self._subject.report, self._names, width, self._worst, look)


class ConfusionPage:
    """Which class was taken for which."""

    name = "confusion"
    toggles = ""

    def __init__(self, subject: Subject, names: tuple[str, ...]) -> None:
        self._counts = subject.report.confusion
        self._names = [label_of(index, names) for index in range(len(self._counts))]
        self.at = self._worst()

    def _worst(self) -> tuple[int, int]:
        """The cell with most mistakes, which is where to look first."""
        classes = range(len(self._counts))
        cells = [(row, column) for row in classes for column in classes if row != column]
        found = max(cells, key=lambda cell: self._counts[cell[0]][cell[1]], default=(0, 0))
        return found if self._counts and self._counts[found[0]][found[1]] else (0, 0)

    def lines(self, width: int, height: int, look: Look) -> list[Line]:
        return heat_map(self._counts, self._names, width, height, self.at, look)

    def move(self, across: int, down: int) -> None:
        last = len(self._counts) - 1
        self.at = min(max(self.at[0] + down, 0), last), min(max(self.at[1] + across, 0), last)

    def toggle(self) -> None:
        pass


class MistakesPage:
    """The worst mistakes, and the inputs of the one in hand."""

    name = "mistakes"

    def __init__(self, subject: Subject, names: tuple[str, ...]) -> None:
        self._subject, self._names = subject, names
        self.at = 0
        self._odd_first, self._first = False, 0
        report = subject.report
        self.name = "mistakes" if report.classes else "errors"
        self._scrolls = len(report.shape) < 2 and report.features > 1
        self.toggles = "unusual inputs first" if report.means else ""

    def lines(self, width: int, height: int, look: Look) -> list[Line]:
        report = self._subject.report
        if not report.mistakes:
            return [[Span(fit("no mistakes on the test part", width, look.charset), "bold")]]
        one = report.mistakes[self.at]
        beside = width >= BESIDE
        most = min(44, width // 2) if beside else width
        list_width, listed = mistake_list(self._subject, self._names, self.at, most, look)
        head = [Span(fit(mistake_words(one, report, self._names), width, look.charset), "bold")]
        if beside:
            room = height - 2
            inputs = self._inputs(width - list_width - 3, room, look)
            first = max(0, min(self.at - room // 2, len(listed) - room))
            left = listed[first : first + room]
            edge = " | " if look.ascii_only else " │ "
            blank = [Span(" " * list_width)]
            body = [
                [
                    *(left[row] if row < len(left) else blank),
                    Span(edge, "dim"),
                    *(inputs[row] if row < len(inputs) else []),
                ]
                for row in range(max(len(left), len(inputs)))
            ]
            return [head, [], *body]
        few = max(1, min(len(listed), (height - 3) // 3))
        first = max(0, min(self.at - few // 2, len(listed) - few))
        return [head, *listed[first : first + few], [], *self._inputs(width, height - few - 2, look)][: max(3, height)]

    def _inputs(self, width: int, height: int, look: Look) -> list[Line]:
        report = self._subject.report
        one = report.mistakes[self.at]
        self._first = max(0, min(self._first, len(one.values) - max(1, height - 2)))
        return inputs_lines(one, report, width, max(1, height), self._odd_first, self._first, look)

    def move(self, across: int, down: int) -> None:
        if abs(down) > 1:
            self._first = max(0, self._first + down)
        else:
            self.at = max(0, min(self.at + down + across, len(self._subject.report.mistakes) - 1))

    def toggle(self) -> None:
        self._odd_first, self._first = not self._odd_first, 0
        self.toggles = ("inputs in order" if self._odd_first else "unusual inputs first") if self.toggles else ""


class ScatterPage:
    """What a regression predicted for which truth, or how far it was off."""

    name = "predictions"

    def __init__(self, subject: Subject) -> None:
        self._pairs = subject.report.pairs
        self._rows = subject.report.rows
        self._residuals = False
        self.toggles = "residuals"

    def lines(self, width: int, height: int, look: Look) -> list[Line]:
        if width >= 2 * BESIDE:  # there is room for both
            half = (width - 3) // 2
            pairs = zip(self._against_truth(half, height - 1, look), self._errors(half, height - 1, look), strict=True)
            body = [[*left, Span("   "), *right] for left, right in pairs]
        else:
            body = (self._errors if self._residuals else self._against_truth)(width, height - 1, look)
        shown = f"{len(self._pairs)} of {self._rows} test rows" if len(self._pairs) < self._rows else "all test rows"
        return [*body, [Span(fit(f"{shown}; on the dotted line the model is right", width, look.charset), "dim")]]

    def _against_truth(self, width: int, height: int, look: Look) -> list[Line]:
        ends = roomy([value for pair in self._pairs for value in pair])
        labels = ("true value", "prediction, over the true value")
        return plane(self._pairs, width, height, ends, ends, (1.0, 0.0), look.charset, labels)

    def _errors(self, width: int, height: int, look: Look) -> list[Line]:
        points = [(answer, answer - truth) for truth, answer in self._pairs]
        across = roomy([x for x, _ in points])
        up = roomy([*(y for _, y in points), 0.0])
        labels = ("prediction", "residual: prediction - true value, over the prediction")
        return plane(points, width, height, across, up, (0.0, 0.0), look.charset, labels)

    def move(self, across: int, down: int) -> None:
        pass

    def toggle(self) -> None:
        self._residuals = not self._residuals
        self.toggles = "against truth" if self._residuals else "residuals"
