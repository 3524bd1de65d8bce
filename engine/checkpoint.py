"""Checkpoints on disk: saved so that a kill, a full disk or a flipped bit at any instant costs at most the newest one.

A save takes these steps, each lasting before the next begins: the checkpoint under a temporary name; its bytes synced; its
own name; the manifest that lists it, in the same manner; and only then are older ones removed. Cut short anywhere, the
folder holds what it held before, or the new checkpoint as well. What a checkpoint means is no business of this module.
"""

from __future__ import annotations

import contextlib
import io
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

import torch

from .backlog import Backlog, Job
from .contents import check, nbytes, room
from .durable import NewFile, remove_leftovers, sync_folder
from .manifest import (
    MANIFEST_FILE,
    CheckpointError,
    Entry,
    MissingCheckpoint,
    Note,
    parse,
    render,
    seal,
    serial_of,
    unseal,
)
from .text import clean

__all__ = ["CheckpointError", "Checkpoints", "Entry", "Loaded", "Saved", "nbytes", "room"]

MOST_PINNED = 10
PASSING = frozenset({"epoch", "minutes"})  # the kinds that nobody asked for: of use only until there is a newer one
LOOKS = 10  # how often a reader looks again while the writer removes files under its eyes


@dataclass(frozen=True, slots=True, kw_only=True)
class Saved(Entry):
    """A checkpoint that is on disk now. seconds: the writing took."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Loaded:
    """A checkpoint as it was saved: every tensor on the CPU, shared storage shared again."""

    entry: Entry
    content: Any


class Checkpoints:
    """The checkpoints in one folder, which is made with the first of them.

    keep: how many of the newest stay on disk, at least 1; beside them stay the newest best one and the newest
    MOST_PINNED of those before an edit. told: called, from the writing thread, with the outcome of each `save_soon`: a
    Saved, or the exception. read_only: only look, since another process may be writing there; nothing is changed or removed.

    One process may write to a folder at a time. The methods may be called from any thread.
    """

    def __init__(
        self,
        folder: Path,
        keep: int = 2,
        told: Callable[[Saved | Exception], None] | None = None,
        *,
        read_only: bool = False,
    ) -> None:
        if keep < 1:
            raise ValueError("keep must be at least 1")
        self.folder, self.keep, self.read_only = folder, keep, read_only
        self._backlog = Backlog(self._write, told)
        self._disk = threading.RLock()  # one save, or one look at the whole folder, at a time
        self._next = threading.Lock()
        self._entries: tuple[Entry, ...] = ()
        self._unlisted: list[str] = []  # files older than the manifest: a prune was cut short
        self._wrong: list[str] = []
        self._gone = ""  # a listed file that is not there
        self._cut_short = False  # a whole file is newer than the manifest
        if not read_only:
            remove_leftovers(folder)
        self._serial = 0
        self._scan()
        if not read_only:
            self._list_cut_short()

    @property
    def entries(self) -> tuple[Entry, ...]:
        """What is there, the oldest first. Files are compared with the manifest only when they are loaded."""
        return self._entries

    @property
    def best_entry(self) -> Entry | None:
        """The newest that was saved as the best so far."""
        return next((entry for entry in reversed(self._entries) if entry.best), None)

    def before_edit(self, number: int) -> Entry | None:
        """The newest that was saved with this edit number, which counts from 1."""
        return next((entry for entry in reversed(self._entries) if entry.edit == number), None)

    def save(
        self,
        content: Any,
        *,
        epochs: int,
        batch: int,
        kind: str,
        best: bool = False,
        pinned: bool = False,
        edit: int = 0,
    ) -> Saved:
        """Write a checkpoint in the calling thread and return once it is on disk, after those still waiting.

        content: tensors, str, int, float, bool, None, and lists, tuples and dicts of them. epochs, batch: where training
        stands. kind: a word in small letters. edit: the live edit that is to follow, by its number from 1; such a
        checkpoint is pinned. Raises OSError when it cannot be written, which leaves all others as they were, and
        TypeError when content holds what could not be read back.
        """
        job = self._job(content, epochs, batch, kind, best, pinned, edit)
        self._backlog.make_way(job)
        self._backlog.flush()
        return self._write(job)

    def save_soon(
        self,
        content: Any,
        *,
        epochs: int,
        batch: int,
        kind: str,
        best: bool = False,
        pinned: bool = False,
        edit: int = 0,
    ) -> None:
        """As `save`, in a thread of its own; `content` must be a copy that nobody changes any more.

        One that waits is dropped for a newer one if it is of a passing kind and not the best, or if both are the best;
        pinned ones never. What `save` would raise goes to `told`.
        """
        self._backlog.put(self._job(content, epochs, batch, kind, best, pinned, edit))

    def flush(self, timeout: float | None = None) -> bool:
        """Wait until all that was handed to `save_soon` is written or has failed, `timeout` seconds at most; whether it is."""
        return self._backlog.flush(timeout)

    def close(self) -> None:
        """Write what waits and end the thread."""
        self._backlog.close()

    def load_newest(self, problems: list[str] | None = None) -> Loaded | None:
        """The newest checkpoint that is, byte for byte, what was saved; None when there is none.

        Every damaged one on the way, and a damaged or missing manifest, adds a line to `problems`. None together with
        problems means that there was a checkpoint and it is lost, which is not the same as a run without any.
        """
        with self._disk:
            for last in [False] * (LOOKS if self.read_only else 0) + [True]:
                said: list[str] = []
                with contextlib.suppress(MissingCheckpoint):  # the writer was quicker, and so has a newer one
                    loaded = self._first_whole(said, give_up=not last)
                    if problems is not None:
                        problems += said
                    return loaded
        return None

    def _first_whole(self, said: list[str], give_up: bool) -> Loaded | None:
        """The newest that can be loaded. give_up: raise MissingCheckpoint when one is gone, instead of trying the next."""
        self._scan()
        said += self._wrong
        if give_up and self._gone:
            raise MissingCheckpoint(self._gone)
        for name, expected in self._newest_first():
            try:
                return self._load(name, expected)
            except CheckpointError as error:
                if give_up and isinstance(error, MissingCheckpoint):
                    raise
                said.append(str(error))
                self._entries = tuple(entry for entry in self._entries if entry.file != name)
        return None

    def load(self, entry: Entry) -> Loaded:
        """This checkpoint. Raises CheckpointError when it is damaged or no longer there."""
        return self._load(entry.file, entry)

    def _load(self, name: str, expected: Entry | None) -> Loaded:
        entry, raw = unseal(self.folder / name, expected)
        try:
            return Loaded(entry, torch.load(io.BytesIO(raw), map_location="cpu", weights_only=True))
        except Exception as error:  # whatever a newer or older PyTorch makes of it, another may do
            first = str(error).strip().partition("\n")[0]
            problem = clean(f"{name}: is whole, but PyTorch {torch.__version__} cannot read it ({first})")
            raise CheckpointError(problem) from error

    def _newest_first(self) -> Iterator[tuple[str, Entry | None]]:
        listed = list(self._entries)
        yield from ((entry.file, entry) for entry in reversed(listed))
        yield from ((name, None) for name in sorted(self._unlisted, key=serial_of, reverse=True))

    def _scan(self) -> None:
        """Take in what is there: what a sound manifest lists, and newer files that prove whole; without one, all such."""
        with self._disk:
            self._wrong, self._gone = [], ""
            try:
                names = sorted(self._names(), key=serial_of)
            except OSError as error:
                names = []
                self._wrong.append(f"{self.folder.name}: cannot be read ({clean(error.strerror or error)})")
            # Only number one, and no manifest yet: not damage, but a first save that was cut short just before its end.
            listed = self._read_manifest(expected=any(serial_of(name) > 1 for name in names))
            newest = max((entry.serial for entry in listed), default=0)
            known = {entry.file for entry in listed}
            entries, self._cut_short = [], False
            for entry in listed:
                if entry.file in names or (self.folder / entry.file).exists():
                    entries.append(entry)
                else:
                    self._gone = f"{entry.file}: is missing"
                    self._wrong.append(self._gone)
            # A file newer than the manifest is that of a writer killed between the two; an older one was being pruned.
            for name in names:
                if name not in known and serial_of(name) > newest:
                    try:
                        entries.append(unseal(self.folder / name)[0])
                        self._cut_short = True
                    except CheckpointError as error:
                        self._wrong.append(str(error))
            self._unlisted = [name for name in names if name not in known and serial_of(name) < newest]
            self._entries = tuple(sorted(entries, key=lambda entry: entry.serial))
            with self._next:
                self._serial = max([self._serial, newest, *map(serial_of, names)])

    def _read_manifest(self, expected: bool) -> list[Entry]:
        try:
            return parse((self.folder / MANIFEST_FILE).read_bytes())
        except FileNotFoundError:
            why = "is missing"
        except OSError as error:
            why = f"cannot be read ({clean(error.strerror or error)})"
        except ValueError as error:
            why = str(error)
        if expected or why != "is missing":
            self._wrong.append(f"{MANIFEST_FILE}: {why}; the checkpoints that prove whole by themselves are used")
        return []

    def _names(self) -> list[str]:
        try:
            return [name for name in os.listdir(self.folder) if serial_of(name)]
        except FileNotFoundError:
            return []

    def _job(self, content: Any, epochs: int, batch: int, kind: str, best: bool, pinned: bool, edit: int) -> Job:
        if self.read_only:
            raise ValueError("opened to read only")
        pinned = pinned or edit > 0
        with self._next:
            self._serial += 1
            serial = self._serial
        note = Note(
            serial=serial,
            epochs=epochs,
            batch=batch,
            kind=kind,
            best=best,
            pinned=pinned,
            edit=edit,
            time=time.time(),
        )
        if serial_of(note.file) != serial:
            raise ValueError(f"not a kind of checkpoint, or not a place in training: {note.file}")
        return Job(note, content, best, pinned, passing=kind in PASSING)

    def _write(self, job: Job) -> Saved:
        """The steps that the module's docstring tells of."""
        began = time.perf_counter()
        check(job.content)
        path = self.folder / job.note.file
        with self._disk:
            if not self.folder.is_dir():
                self.folder.mkdir(parents=True)
                sync_folder(self.folder.parent)
            try:
                with NewFile(path) as file:
                    torch.save(job.content, cast(Any, file))
                    entry = seal(file, job.note)
                    file.publish()
                sync_folder(self.folder)
                kept = self._to_keep(entry)
                self._list(kept)
            except BaseException:
                # Not listed, it would stay for ever and fill a full disk further.
                with contextlib.suppress(OSError):
                    path.unlink()
                raise
            self._entries, self._unlisted = tuple(kept), []
            sync_folder(self.folder)
            with contextlib.suppress(OSError):
                self._prune()
        return Saved(**asdict(entry), seconds=time.perf_counter() - began)

    def _list(self, entries: list[Entry]) -> None:
        with NewFile(self.folder / MANIFEST_FILE) as manifest:
            manifest.write(render(entries))
            manifest.publish()

    def _list_cut_short(self) -> None:
        """List a whole checkpoint whose writer was killed just before it could, or a second such kill would look like damage."""
        with self._disk, contextlib.suppress(OSError):  # on a full disk it proves itself as it is
            if self._cut_short and not self._wrong:
                self._list(list(self._entries))

    def _to_keep(self, new: Entry) -> list[Entry]:
        there = set(self._names())
        known = [entry for entry in self._entries if entry.file in there]
        known = sorted([*known, new], key=lambda entry: entry.serial)
        kept = {entry.serial for entry in known[-self.keep :]}
        kept.update([entry.serial for entry in known if entry.best][-1:])
        kept.update([entry.serial for entry in known if entry.pinned][-MOST_PINNED:])
        return [entry for entry in known if entry.serial in kept]

    def _prune(self) -> None:
        """Remove what the manifest does not list. What cannot be removed now is tried again with the next save."""
        kept = {entry.file for entry in self._entries}
        for name in self._names():
            if name not in kept:
                with contextlib.suppress(OSError):
                    (self.folder / name).unlink()
