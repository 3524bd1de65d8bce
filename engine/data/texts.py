"""A column of texts as a Table: the words of each text as numbers, in the order in which the file first has them."""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from pathlib import PurePath
from typing import TYPE_CHECKING

import numpy as np

from ..config import DataConfig
from ..errors import DataError, Fault, data_error
from ..text import clean
from .cells import flaw_of, is_missing
from .delimited import Faults, line_of_cell
from .header import UNEVEN, Header, width_fault
from .memorybudget import refuse_too_large
from .preprocess import Column
from .table import Table
from .targets import TargetCells, decode
from .tokens import words_of

if TYPE_CHECKING:
    from .files import Records

EXCERPT = 600
"""Characters of a text that are kept to be shown."""

MOST_WORDS = 1 << 24
"""Different words that a dataset may have: as many whole numbers as a 32-bit float holds."""


class Corpus:
    """Texts, taken in one after another. length: of longer texts only so many words count."""

    def __init__(self, length: int) -> None:
        self.length = length
        self.excerpts: list[str] = []
        self._place: dict[str, int] = {}
        self._codes = array("q")
        self._lengths = array("q")
        self._longer = 0

    def add(self, text: str) -> bool:
        """Take a text in; False, and nothing is, when there is no word in it."""
        words = words_of(text, self.length + 1)
        if not words:
            return False
        self._longer += len(words) > self.length
        del words[self.length :]
        place = self._place
        self._codes.extend(place.setdefault(word, len(place)) for word in words)
        self._lengths.append(len(words))
        self.excerpts.append(text[:EXCERPT])
        return True

    def __len__(self) -> int:
        return len(self._lengths)

    def column(self, name: str) -> Column:
        """The column that these texts are."""
        return Column(name, "text", tuple(self._place))

    def matrix(self, where: str) -> np.ndarray:
        """The places of the words in `column`'s values, float32 (texts, words of the longest one), -1 behind a text's end.

        where: the source, as shown. Raises DataError when that does not fit in memory, or there are more words than MOST_WORDS.
        """
        lengths = np.frombuffer(self._lengths, np.int64)
        width = int(lengths.max())
        if len(self._place) > MOST_WORDS:
            problem = f"the texts have {len(self._place):,} different words, more than can be told apart"
            raise data_error("data.text_length", problem, "use fewer texts, or fewer words of each", where)
        refuse_too_large(len(lengths) * width * 4, where)
        x = np.full((len(lengths), width), -1, np.float32)
        x[np.arange(width) < lengths[:, None]] = np.frombuffer(self._codes, np.int64)
        return x

    def note(self, name: str) -> str:
        """How long the texts are. name: of their column, as shown."""
        lengths = np.frombuffer(self._lengths, np.int64)
        extent = f"{lengths.min()} to {lengths.max()} words, half of the texts up to {int(np.median(lengths))}"
        if not self._longer:
            return f"texts in column '{name}': {extent}"
        share = f"{self._longer} of {len(lengths)} texts are longer"
        return f"texts in column '{name}': the first {self.length} words count (data.text_length), and {share}"


def text_table(
    name: str, column: str, corpus: Corpus, labels: tuple[np.ndarray, tuple[str, ...]], target: str, where: str
) -> Table:
    """Texts as a Table. labels: y, and the names of the classes, none for a regression. column and target: as shown."""
    y, class_names = labels
    x = corpus.matrix(where)
    return Table(
        name=name,
        task="classification" if class_names else "regression",
        x=x,
        y=y,
        feature_names=position_names(x.shape[1]),
        class_names=class_names,
        columns=(corpus.column(column),),
        target=target,
        notes=(corpus.note(column),),
        texts=tuple(corpus.excerpts),
    )


def position_names(length: int) -> tuple[str, ...]:
    """What the places of a text are called: ``word 1``, ``word 2``, ..."""
    return tuple(f"word {place}" for place in range(1, length + 1))


def read_texts(config: DataConfig, name: str, header: Header, rows: Records) -> Table:
    """The Table of the records whose columns `header` names, of which `config.text` is read word by word and no other is.

    name and rows: as engine.data.files.read_table has them. A text without a word is a fault, or costs its row, as `config.missing` has it.
    Raises DataError with every fault found.
    """
    from .files import MIN_ROWS, target_faults, unknown_column

    target, text = header.find(config.target), header.find(config.text)
    faults = [*header.faults(), *target_faults(header, config.target, target)]
    if text is None:
        faults.append(unknown_column("data.text", header, config.text))
    elif text == target:
        problem = f"column '{header.shown[text]}' is what is predicted"
        faults.append(Fault("data.text", problem, "name the column of the texts", header.where))
    if faults or target is None or text is None:
        raise DataError(faults)
    body = _Texts(name, header, text, target, config)
    try:
        body.read(rows())
    except DataError as error:  # broken quoting: what comes after cannot be told
        raise DataError([*body.faults(), *error.faults]) from None
    faults = body.faults()
    kept = len(body.corpus)
    if kept < MIN_ROWS and not faults:
        problem = f"only {kept} rows below the header" if kept else "no rows below the header"
        if body.dropped:
            problem = f"only {kept} of {kept + body.dropped} rows have a text and a target"
        faults.append(Fault("data.source", problem, f"at least {MIN_ROWS} are needed", name))
    decoded = decode(body.target, config.task, judge=not faults)
    if faults := [*faults, *decoded.faults]:
        raise DataError(faults)
    table = text_table(
        clean(PurePath(config.source).stem, 60),
        header.shown[text],
        body.corpus,
        (decoded.y, decoded.class_names),
        header.shown[target],
        name,
    )
    others = [shown for at, shown in enumerate(header.shown) if at not in (text, target)]
    notes = [*table.notes, *([f"not read: {_listed(others)}; the texts alone are learned from"] if others else [])]
    return table.with_notes(notes, body.dropped)


class _Texts:
    """The records below the header. text and target: the indices of the two columns that are read."""

    def __init__(self, name: str, header: Header, text: int, target: int, config: DataConfig) -> None:
        self.corpus = Corpus(config.text_length)
        self.target = TargetCells(header.shown[target], name)
        self.dropped = 0
        self._name, self._shown, self._text, self._place = name, header.shown[text], text, target
        self._width, self._drops = len(header.names), config.missing == "drop"
        self._numbers = 0
        self._widths, self._empty = Faults(UNEVEN, name), Faults("texts without a word", name)

    def read(self, rows: Iterable[tuple[int, list[str]]]) -> None:
        """Take the records in."""
        for line, cells in rows:
            if len(cells) != self._width:
                self._widths.add(width_fault(f"{self._name}:{line}", len(cells), self._width))
                continue
            text, target = cells[self._text], cells[self._place]
            if self._drops and is_missing(target):
                self.dropped += 1
            elif self.corpus.add(text):
                self._numbers += flaw_of(text) is None
                self.target.add(line_of_cell(line, cells, self._place), target)
            elif self._drops:
                self.dropped += 1
            else:
                self._empty.add(empty_fault("data.source", self._shown, f"{self._name}:{line}"))

    def faults(self) -> list[Fault]:
        """What is wrong with them so far."""
        found = [*self._widths.lines(), *self._empty.lines()]
        if self._numbers and self._numbers == len(self.corpus):
            problem = f"column '{self._shown}' holds numbers and no texts"
            found.append(Fault("data.text", problem, "leave data.text out to use them as numbers", self._name))
        return found


def empty_fault(key: str, column: str, where: str) -> Fault:
    """A text in which there is no word. column: as shown."""
    hint = "remove the row" + (", or set data.missing to drop" if key else "")
    return Fault(key, f"column '{column}' has no word here", hint, where)


def _listed(names: list[str]) -> str:
    more = len(names) - 8
    return ", ".join(f"'{one}'" for one in names[:8]) + (f" and {more} more" if more > 0 else "")
