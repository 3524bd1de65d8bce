"""From a configuration to its preview: the data read, the model's shapes worked out, nothing trained and nothing written.

Torch is imported when the first model is looked at, and scikit-learn with the first of its datasets. No random number of a
run that trains in the same process is drawn, and no memory taken for weights. Whatever goes wrong becomes a fault.
"""

from __future__ import annotations

import contextlib
import os
import stat
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from .config import DataConfig, RunConfig, TrialsConfig
from .config.keywords import keywords_of, keywords_text
from .data.catalogue import card, is_called, is_file, is_own, library_of
from .data.sources import peek_source
from .errors import Fault, InputError
from .preview import AnyPreview, DataPreview, ModelPreview, Preview
from .text import clean
from .usercode import code_stamp, load_object

KEPT_BYTES = 1 << 28
"""Tables are kept until they take this much memory together, except for the last one."""

KEPT_PREVIEWS = 16
LOPSIDED = 0.8
"""Above this share of the rows a class is so common that accuracy says little."""


def preview(config: RunConfig) -> Preview:
    """What `config` would train on and with. Never raises: what is wrong stands in the faults.

    Blocks, the first time for seconds (imports), later for some hundredths; a screen asks from a thread or another process.
    """
    data = preview_data(config.data, config.trials)
    return Preview(data, preview_model(config))


def preview_data(config: DataConfig, trials: TrialsConfig | None = None) -> DataPreview:
    """The dataset of `config`, and its parts as the first of `trials` has them. Never raises.

    The table, and what was said of it, are kept: asked again with the same section and an unchanged file, it takes no time.
    """
    return _bounded(DataPreview, lambda: _data(config, trials or TrialsConfig()))


def preview_model(config: RunConfig) -> ModelPreview:
    """The model of `config` for its data, how long it would train and in how much memory. Never raises."""
    return _bounded(ModelPreview, lambda: _model(config))


def _bounded(kind: type[AnyPreview], make: Callable[[], Any]) -> Any:
    """What `make` makes, with its time; an exception becomes the fault of an otherwise empty preview."""
    began = time.perf_counter()
    try:
        made = make()
    except InputError as error:
        made = kind(faults=error.faults)  # pyright: ignore[reportCallIssue]
    except MemoryError:
        hint = "use fewer rows, or a smaller model"
        made = kind(faults=(Fault("", "there is not enough memory for a preview", hint),))  # pyright: ignore[reportCallIssue]
    except Exception as error:  # noqa: BLE001  -- a form must stay usable whatever torch or a file comes up with
        problem = clean(f"no preview: {type(error).__name__}: {str(error).partition(chr(10))[0]}")
        made = kind(faults=(Fault("", problem),))  # pyright: ignore[reportCallIssue]
    return replace(made, seconds=time.perf_counter() - began)


def _model(config: RunConfig) -> ModelPreview:
    data = preview_data(config.data, config.trials)
    if not data.task:  # nothing is known of the data; its own faults say why
        return ModelPreview(faults=data.faults)
    from .modelpreview import model_preview  # torch is imported here and not before

    return model_preview(config, data)


# ---- the data, kept from one call to the next ----

_lock = threading.Lock()
_tables: OrderedDict[Any, Any] = OrderedDict()
_previews: OrderedDict[Any, DataPreview] = OrderedDict()


def forget() -> None:
    """Let go of every table that is kept: before a run trains in this process, or in a test."""
    with _lock:
        _tables.clear()
        _previews.clear()


def _data(config: DataConfig, trials: TrialsConfig) -> DataPreview:
    with _lock:
        stamp = _stamp(config)
        key = (config, trials.kind, trials.folds, stamp)
        if (known := _previews.get(key)) is not None:
            _previews.move_to_end(key)
            return replace(known, cached=True)
        try:
            table, cached = _table(config, stamp)
        except InputError as error:
            return _unread(config, error)
        if table is None:
            words = "it is not on this machine yet, and downloaded when training begins"
            return DataPreview(dataset=clean(config.source, 60), notes=(words,))
        made = replace(_divided(config, trials, table), cached=cached)
        if stamp == _stamp(config):  # else the file was written to meanwhile
            _previews[key] = made
            if len(_previews) > KEPT_PREVIEWS:
                _previews.popitem(last=False)
        return made


def _stamp(config: DataConfig) -> tuple[Any, ...]:
    """What changes when a file does, or the code that gives the data; () for what is neither."""
    if is_own(config.source):
        with contextlib.suppress(InputError):  # loading the data will say what is wrong
            load_object(config.source, "data.source")
        return code_stamp()
    if not is_file(config.source):
        return ()
    try:
        about = Path(config.source).expanduser().stat()
    except (OSError, ValueError, RuntimeError):  # reading it will say what is wrong
        return (0,)
    folders = _folder_times(Path(config.source).expanduser()) if stat.S_ISDIR(about.st_mode) else ()
    return about.st_mtime_ns, about.st_size, about.st_ino, *folders


def _folder_times(folder: Path, depth: int = 2) -> tuple[int, ...]:
    """When something was last added to or taken from the folders of classes below this one."""
    try:
        inside = [entry for entry in os.scandir(folder) if entry.is_dir()]
        times = tuple(sorted(entry.stat().st_mtime_ns for entry in inside))
    except OSError:
        return ()
    return times + (
        tuple(time for entry in inside for time in _folder_times(Path(entry.path), depth - 1)) if depth else ()
    )


def _table(config: DataConfig, stamp: tuple[Any, ...]) -> tuple[Any, bool]:
    """The table, and whether it was still there. Only the knobs that it depends on count."""
    from .data.table import load

    known = card(config.source)
    if is_file(config.source):
        read_by = (config.source, config.target, config.task, config.missing, config.ignore, config.categorical)
        read_by = (*read_by, config.image_size, config.color, config.text, config.text_length)
        key: tuple[Any, ...] = (*read_by, *stamp)
    elif is_called(config.source):
        read_by = (config.source, config.arguments, config.task, config.missing, config.seed, config.target)
        read_by = (*read_by, config.ignore, config.categorical, config.image_size, config.color)
        key = (*read_by, config.text, config.text_length, *stamp)
    elif known is not None and known.generated:
        key = (config.source, config.rows, config.noise, config.seed, config.text_length)
    else:
        key = (config.source,)
    if key in _tables:
        _tables.move_to_end(key)
        return _tables[key], True
    if library_of(config.source) and (arguments := keywords_of(config.arguments)).pop("download", False):
        try:  # a look at the data is no word to download it
            table = load(config.model_copy(update={"arguments": keywords_text(arguments)}))
        except InputError:
            return None, False
    else:
        table = load(config)
    _tables[key] = table
    while len(_tables) > 1 and sum(one.x.nbytes + one.y.nbytes for one in _tables.values()) > KEPT_BYTES:
        _tables.popitem(last=False)
    return table, False


def _unread(config: DataConfig, error: InputError) -> DataPreview:
    """A file that cannot be used: the faults, and what its first lines look like if it has columns at all."""
    bare = DataPreview(dataset=clean(config.source, 60), faults=error.faults)
    if not is_file(config.source):
        return bare
    try:
        columns = peek_source(config.source)
    except InputError:
        return bare
    return replace(bare, header=columns.names, sample_rows=columns.rows, features=len(columns.names))


def _divided(config: DataConfig, trials: TrialsConfig, table: Any) -> DataPreview:
    """The table, and its parts as far as it can be divided."""
    from .data.glimpse import glimpse, parts_of
    from .data.prepared import prepare
    from .data.splits import fold_splits, split
    from .data.stored import streamed

    seen = glimpse(table, config.target if is_file(config.source) else "")
    notes, faults = list(seen.notes), ()
    try:
        if trials.kind == "kfold":
            part = fold_splits(table, config, trials.folds)[0]
            notes.append(f"{trials.folds} folds: the parts are those of the first trial")
        else:
            part = split(table, config)
        seen = replace(seen, parts=parts_of(table, part))
        if streamed(table.x) is not None:  # to learn means from it takes as long as an epoch
            notes = [*notes, *_about_classes(seen)]
            return replace(seen, features=table.x.shape[1], notes=tuple(notes), streamed=True)
        made = prepare(table, part, config)
        features = made.x_train.shape[1]  # more than there are columns where some are categories
        seen = replace(seen, features=features, shape=made.sample_shape, vocabulary=made.vocabulary)
        notes += [note for note in made.notes if note not in notes]
    except InputError as error:
        faults = error.faults
    return replace(seen, notes=(*notes, *_about_classes(seen)), faults=tuple(faults))


def _about_classes(data: DataPreview) -> list[str]:
    """What is odd about the classes: one that a part lacks, one that nearly everything belongs to."""
    notes = []
    for part in data.parts:
        lacking = [name for name, count in zip(data.class_names, part.class_counts, strict=True) if not count]
        if lacking and data.class_names:
            more = f" and {len(lacking) - 3} more" if len(lacking) > 3 else ""
            listed = ", ".join(clean(name, 24) for name in lacking[:3])
            notes.append(f"the {part.name} part has no row of class {listed}{more}")
    if data.class_counts and max(data.class_counts) > LOPSIDED * data.rows:
        largest = data.class_counts.index(max(data.class_counts))
        share, name = max(data.class_counts) / data.rows, clean(data.class_names[largest], 24)
        notes.append(f"{share:.0%} of the rows are of class {name}: always saying so is right as often")
    return notes
