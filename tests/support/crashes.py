"""Power cuts in a model of a disk: what was not synced may be there, half there or not, in any combination."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

LATEST = 5  # of the names not yet synced, only the last few are combined freely; those before are in order


@dataclass
class Recorder:
    """Takes down what happens to the files of one folder, by standing in for the calls of `os` that change them."""

    folder: Path
    operations: list[tuple] = field(default_factory=list)
    done: int = 0  # the number of the last save that has returned
    _open: dict[int, int] = field(default_factory=dict)  # file descriptor -> file number
    _names: dict[str, int] = field(default_factory=dict)
    _files: Iterator[int] = field(default_factory=itertools.count)

    def install(self, patch: pytest.MonkeyPatch) -> None:
        real = {name: getattr(os, name) for name in ("open", "write", "fsync", "close", "replace", "unlink")}

        def opened(path, flags, *rest, **named):
            descriptor = real["open"](path, flags, *rest, **named)
            if Path(path) == self.folder:
                self._open[descriptor] = -1
            elif Path(path).parent == self.folder and flags & os.O_CREAT:
                number = next(self._files)
                self._open[descriptor] = self._names[Path(path).name] = number
                self._add("name", Path(path).name, number)
            return descriptor

        def write(descriptor, data):
            count = real["write"](descriptor, data)
            if descriptor in self._open:
                self._add("write", self._open[descriptor], bytes(data[:count]))
            return count

        def fsync(descriptor):
            real["fsync"](descriptor)
            number = self._open.get(descriptor)
            if number is not None:
                self._add("sync folder") if number < 0 else self._add("sync", number)

        def close(descriptor):
            self._open.pop(descriptor, None)
            real["close"](descriptor)

        def replace(source, target):
            real["replace"](source, target)
            number = self._names[Path(target).name] = self._names.pop(Path(source).name)
            self._add("rename", Path(source).name, Path(target).name, number)

        def unlink(path, **named):
            real["unlink"](path, **named)
            if Path(path).parent == self.folder:
                self._names.pop(Path(path).name, None)
                self._add("unlink", Path(path).name)

        for call in (write, fsync, close, replace, unlink):
            patch.setattr(os, call.__name__, call)
        patch.setattr(os, "open", opened)

    def _add(self, *operation) -> None:
        self.operations.append((self.done, *operation))

    def disks(self) -> Iterator[tuple[int, dict[str, bytes]]]:
        """For a cut after each operation, every disk that may be found: the last save told of, and the files by name."""
        for count, (done, kind, *_) in enumerate(self.operations, 1):
            following = self.operations[count][1] if count < len(self.operations) else ""
            if kind == following == "write":
                continue  # of many writes in a row the last few do not differ from the first ones
            yield from ((done, disk) for disk in _after(self.operations[:count]))


def _after(operations: list[tuple]) -> Iterator[dict[str, bytes]]:
    synced: dict[int, bytes] = {}
    written: dict[int, bytes] = {}
    names: dict[str, int] = {}
    pending: list[tuple] = []
    for _, kind, *rest in operations:
        match kind:
            case "name":
                written[rest[1]] = synced[rest[1]] = b""
                pending.append((kind, *rest))
            case "write":
                written[rest[0]] += rest[1]
            case "sync":
                synced[rest[0]] = written[rest[0]]
            case "sync folder":
                for change in pending:
                    _apply(names, change)
                pending = []
            case _:
                pending.append((kind, *rest))
    sure, loose = pending[:-LATEST], pending[-LATEST:]
    for change in sure:
        _apply(names, change)
    for chosen in itertools.product((False, True), repeat=len(loose)):
        found = dict(names)
        for change in itertools.compress(loose, chosen):
            _apply(found, change)
        for share in (0.0, 0.5, 1.0):
            yield {name: _content(synced[file], written[file], share) for name, file in found.items()}


def _apply(names: dict[str, int], change: tuple) -> None:
    match change:
        case ("name", name, number):
            names[name] = number
        case ("rename", source, target, number):
            names.pop(source, None)
            names[target] = number
        case ("unlink", name):
            names.pop(name, None)


def _content(synced: bytes, written: bytes, share: float) -> bytes:
    return synced + written[len(synced) :][: int(share * (len(written) - len(synced)))]
