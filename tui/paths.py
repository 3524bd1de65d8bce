"""What a path that is being typed could become: the files and folders whose names go on from it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.data.catalogue import is_called, is_file, is_folder

MOST = 200  # names; more than anybody reads, fewer than a screen minds


@dataclass(frozen=True, slots=True)
class Found:
    """A file, or a folder (its path ends in a slash). path: as a person would have typed it. size: in bytes."""

    path: str
    name: str
    is_folder: bool
    size: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """text: what was typed. found: folders first, then files. problem: why there is nothing to list, or "". more: there are
    more than `MOST`. taken: whether there is a file of the name that a new one would get.
    """

    text: str
    found: tuple[Found, ...] = ()
    problem: str = ""
    more: bool = False
    taken: bool = False

    def common(self) -> str:
        """How far the text can be completed without a choice."""
        if not self.found:
            return self.text
        first, last = min(one.path for one in self.found), max(one.path for one in self.found)
        same = next((i for i, char in enumerate(first) if last[i : i + 1] != char), len(first))
        return first[:same]


def completed(path: str, suffix: str) -> str:
    """The path of a new file as it was typed, with the usual suffix where it has none."""
    return path if os.path.splitext(path)[1] else f"{path}{suffix}"


def list_paths(text: str, suffixes: Sequence[str] = ()) -> Listing:
    """What is in the folder of a path and goes on as its last part does; may take as long as the file system likes.

    suffixes: of the files wanted, all of them if empty. Names that begin with a dot are listed when one was typed.
    """
    head, tail = os.path.split(text)
    base = text[: len(text) - len(tail)]  # with its slash, and `~` as it was typed
    folder = os.path.expanduser(head) or "."
    try:
        with os.scandir(folder) as entries:
            names = [_found(entry, base) for entry in entries if _begins(entry.name, tail)]
    except FileNotFoundError:
        return Listing(text, problem="no such folder")
    except NotADirectoryError:
        return Listing(text, problem="not a folder")
    except PermissionError:
        return Listing(text, problem="this folder may not be read")
    except (OSError, ValueError) as error:
        return Listing(text, problem=str(error))
    wanted = [one for one in names if one.is_folder or not suffixes or one.name.lower().endswith(tuple(suffixes))]
    exact = [one for one in wanted if one.name.startswith(tail)]  # else whatever differs in case alone
    chosen = sorted(exact or wanted, key=lambda one: (not one.is_folder, one.name.lower(), one.name))
    name = completed(text.strip(), suffixes[0] if suffixes else "")
    return Listing(
        text, tuple(chosen[:MOST]), more=len(chosen) > MOST, taken=bool(tail) and _is_file(os.path.expanduser(name))
    )


def gone_of(paths: Iterable[str]) -> frozenset[str]:
    """Those that are not there; may take as long as the file system likes."""
    return frozenset(path for path in paths if not is_called(path) and not os.path.exists(os.path.expanduser(path)))


def source_of(path: str) -> str:
    """What `data.source` is set to for the path of a file or folder that was looked at: no name of a built-in dataset, and of a
    folder with a slash at its end, by which the form knows that there is no column to predict."""
    full = os.path.expanduser(path) if path.startswith("~") else path
    full = full if is_file(full) else f"./{full}"
    return f"{full}/" if is_folder(full) and not full.endswith("/") and os.path.isdir(full) else full


def _is_file(path: str) -> bool:
    return os.path.exists(path) and not os.path.isdir(path)


def _begins(name: str, tail: str) -> bool:
    return name.lower().startswith(tail.lower()) and (tail.startswith(".") or not name.startswith("."))


def _found(entry: os.DirEntry[str], base: str) -> Found:
    try:
        is_folder = entry.is_dir()
        size = 0 if is_folder else entry.stat().st_size
    except OSError:  # a link that leads nowhere
        is_folder, size = False, 0
    return Found(f"{base}{entry.name}{'/' if is_folder else ''}", entry.name, is_folder, size)


def size_words(size: float) -> str:
    """A number of bytes as people say it: ``512 B``, ``1.2 MB``."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"
        size /= 1000
    return ""
