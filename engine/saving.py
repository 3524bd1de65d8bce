"""Configurations into files that people write in: what has not changed keeps its spelling, its place and its comments."""

from __future__ import annotations

import contextlib
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .config import RunConfig
from .configfile import Nested, build_config, to_nested, toml_item
from .errors import ConfigError, config_error
from .knobs import knob_by_key, values
from .rundir import write_atomically
from .tomlfile import parse_toml, read_text
from .tomlspans import Block, Entry, blocks, comments_inside

_BOM = b"\xef\xbb\xbf"
ASIDE = "#:"
"""What stands in front of a knob that another choice has put out of effect, as in `nntui config --template`."""


def to_toml(config: RunConfig) -> str:
    """`config` as a new TOML text: the dataset, and what differs from the defaults. Read back it gives an equal RunConfig."""
    parts = []
    for section, content in _told(config, ["data.source"]).items():
        lines = [f"{name} = {_rendered(value)}" for name, value in content.items()]
        parts.append("\n".join([f"[{section}]", *lines]))
    return "\n\n".join(parts) + "\n"


def update_toml(text: str, config: RunConfig, where: str = "the file") -> str:
    """`text`, which a person wrote, with the knobs of `config` in it; read back it gives an equal RunConfig.

    A value that is the same stays as it is spelled; another takes its place, also when it is the default again. A knob that has
    no effect any more becomes a comment behind ``#:``, and such a line comes to life again when the knob does. What else differs
    from the defaults is added to its table, or in a new one at the end. Nothing else changes by a byte.

    where: the text's origin, for messages. Raises ConfigError when it is no TOML, or holds what no configuration has.
    """
    parse_toml(text, where)
    changed = _Changes(text, config).made()
    found = to_nested(build_config(parse_toml(changed, where), file=where))
    if not _same(found, to_nested(config)):
        raise config_error("", "cannot take these settings", "save them under another name", where)
    return changed


class FileChangedError(Exception):
    """A file does not say what it is believed to. text: what it says."""

    def __init__(self, text: str) -> None:
        super().__init__("was changed meanwhile")
        self.text = text


def save_config(path: str | Path, config: RunConfig, *, known: str | None = None, base: str | None = None) -> str:
    """Write `config` to a file: into what is there, as `update_toml` does, or as a new file. Whole or not at all.

    known: the text believed to be there. base: the text that the settings came from; a new file keeps its comments, and it
    takes the place of what is there when that is known and can be no configuration. Returns what stands in the file now.
    Raises ConfigError when the file cannot be read or written, or is not a configuration; FileChangedError when another text
    than `known` is there.
    """
    try:
        file = Path(path).expanduser().resolve()  # a link stays one
        mark = file.exists() and file.read_bytes()[:3] == _BOM
    except (OSError, ValueError, RuntimeError) as error:
        raise _unwritable(path, error) from None
    if file.exists():
        there = read_text(file)
        if known is not None and there != known:
            raise FileChangedError(there)
        text = _written_over(there, config, str(path), base if known is not None else None)
    else:
        text = _new_text(config, base)
    try:
        write_atomically(file, (_BOM if mark else b"") + text.encode())
    except OSError as error:
        raise _unwritable(path, error) from None
    return text


def _written_over(there: str, config: RunConfig, where: str, base: str | None) -> str:
    try:
        return update_toml(there, config, where)
    except ConfigError:
        if base is None or base == there:
            raise
        return _new_text(config, base)


def _new_text(config: RunConfig, base: str | None) -> str:
    if base is not None:
        with contextlib.suppress(ConfigError):  # it cannot take these settings
            return update_toml(base, config)
    return to_toml(config)


def _unwritable(path: str | Path, error: Exception) -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return config_error("", f"cannot be written: {reason}", "choose another place", str(path))


def _told(config: RunConfig, always: Sequence[str] = ()) -> Nested:
    """What has to be said: what differs from the defaults, and the knobs `always`."""
    current, rows = values(config), knob_by_key()
    told: Nested = {}
    for section, content in to_nested(config).items():
        for name, value in content.items():
            row = rows[f"{section}.{name}"]
            if row.key in always or current[row.key] != row.default_for(current):
                told.setdefault(section, {})[name] = value
    return told


def _rendered(value: Any) -> str:
    return toml_item(value).as_string()


def _is_table(path: tuple[str, ...]) -> bool:
    """Whether a key is a knob whose value is a table itself."""
    row = knob_by_key().get(".".join(path))
    return row is not None and row.kind == "table"


def _same(one: Any, other: Any) -> bool:
    """Equality that tells true from 1."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return one == other and isinstance(one, bool) == isinstance(other, bool)


@dataclass(frozen=True, slots=True)
class _Splice:
    start: int
    end: int
    text: str


class _Changes:
    """What has to be changed in a text to make it say a configuration."""

    def __init__(self, text: str, config: RunConfig) -> None:
        self._text = text
        self._wanted, self._told = to_nested(config), _told(config)
        self._blocks = blocks(text)
        self._newline = "\r\n" if "\r\n" in text else "\n"
        self._splices: list[_Splice] = []
        self._added: dict[int, list[str]] = {}  # lines to insert, by offset
        self._behind: list[str] = []

    def made(self) -> str:
        """The text with all changes made."""
        present = self._change_what_is_there()
        for section, content in self._told.items():
            missing = {name: value for name, value in content.items() if f"{section}.{name}" not in present}
            if missing:
                self._add(section, missing)
        self._splices += [_Splice(at, at, self._lines(at, lines)) for at, lines in self._added.items()]
        text = self._text
        for splice in sorted(self._splices, key=lambda one: (one.start, one.end), reverse=True):
            text = text[: splice.start] + splice.text + text[splice.end :]
        return text + "".join(self._behind)

    def _lines(self, at: int, lines: Sequence[str]) -> str:
        """Lines to insert at an offset: behind a last line without a line break they bring one."""
        text = self._newline.join(lines)
        unfinished = at == len(self._text) and self._text and not self._text.endswith("\n")
        return self._newline + text if unfinished else text + self._newline

    # -- what is there -----------------------------------------------------------------------------------------------

    def _change_what_is_there(self) -> set[str]:
        """Replace values and put knobs aside; the keys of those that the text has."""
        present = set()
        for block in self._blocks:
            if _is_table(block.path):
                present.add(".".join(block.path))
                self._change_table(block)
                continue
            for entry in block.entries:
                if entry.inline and not _is_table(entry.path):
                    present |= self._change_inline(entry)
                    continue
                present.add(".".join(entry.path))
                if not self._is_wanted(entry):
                    self._put_aside(entry)
                elif (new := self._new_value(entry)) is not None:
                    self._splices.append(_Splice(entry.value_start, entry.value_end, new))
                    notes = comments_inside(self._text[entry.value_start : entry.value_end])
                    if notes:  # of a list over several lines: they go in front
                        self._added.setdefault(entry.start, []).extend(self._indent(entry) + note for note in notes)
        return present

    def _change_table(self, block: Block) -> None:
        """A knob that is a table with a header of its own: its lines one by one, or all of them put aside."""
        section, name = block.path
        if name not in self._wanted.get(section, {}):
            end = max([block.body, *(entry.end for entry in block.entries)])
            lines = self._text[block.start : end].splitlines(keepends=True)
            aside = "".join(f"{ASIDE} {line}" if line.strip() else line for line in lines)
            self._splices.append(_Splice(block.start, end, aside))
            return
        wanted, there = self._wanted[section][name], set()
        for entry in block.entries:
            key = entry.path[-1]
            there.add(key)
            if key not in wanted:
                self._splices.append(_Splice(entry.start, entry.end, ""))
            elif not _same(self._found(entry), wanted[key]):
                self._splices.append(_Splice(entry.value_start, entry.value_end, _rendered(wanted[key])))
        last = block.entries[-1] if block.entries else None
        at, indent = (last.end, self._indent(last)) if last else (block.body, "")
        more = [f"{indent}{key} = {_rendered(value)}" for key, value in wanted.items() if key not in there]
        if more:
            self._added.setdefault(at, []).extend(more)

    def _found(self, entry: Entry) -> Any:
        """The value of an entry as it stands in the text."""
        return tomllib.loads(f"value = {self._text[entry.value_start : entry.value_end]}")["value"]

    def _is_wanted(self, entry: Entry) -> bool:
        section, *rest = entry.path
        known = len(rest) == 1 and ".".join(entry.path) in knob_by_key()
        # What is no knob at all is left to whoever reads the text to complain about.
        return not known or rest[0] in self._wanted.get(section, {})

    def _new_value(self, entry: Entry) -> str | None:
        """What has to stand in the place of an entry's value, or None when it is right."""
        section, *rest = entry.path
        if len(rest) != 1 or rest[0] not in self._wanted.get(section, {}):
            return None
        wanted = self._wanted[section][rest[0]]
        return None if _same(self._found(entry), wanted) else _rendered(wanted)

    def _put_aside(self, entry: Entry) -> None:
        lines = self._text[entry.start : entry.end].rstrip("\r\n").split("\n")
        bare = [line.lstrip(" \t") for line in lines]
        aside = [f"{line[: len(line) - len(rest)]}{ASIDE} {rest}" for line, rest in zip(lines, bare, strict=True)]
        self._splices.append(_Splice(entry.start, entry.start + len("\n".join(lines)), "\n".join(aside)))

    def _change_inline(self, entry: Entry) -> set[str]:
        """A table in braces, on one line as a rule: what stays of it is kept as it is spelled."""
        keep = [one for one in entry.inner if self._is_wanted(one)]
        pieces = []
        for one in keep:
            new = self._new_value(one)
            pieces.append(
                self._text[one.start : one.value_start] + (new or self._text[one.value_start : one.value_end])
            )
        (section, *rest), there = entry.path, {one.path[-1] for one in entry.inner}
        told = self._told.get(section, {}) if not rest else {}
        more = [f"{name} = {_rendered(value)}" for name, value in told.items() if name not in there]
        if len(keep) < len(entry.inner) or more:
            pieces += more
            whole = "{ " + ", ".join(pieces) + " }" if pieces else "{}"
            self._splices.append(_Splice(entry.value_start, entry.value_end, whole))
        else:
            for one in keep:
                if (new := self._new_value(one)) is not None:
                    self._splices.append(_Splice(one.value_start, one.value_end, new))
        return {".".join(one.path) for one in entry.inner} | {f"{section}.{name}" for name in told}

    # -- what is new -------------------------------------------------------------------------------------------------

    def _add(self, section: str, missing: dict[str, Any]) -> None:
        home = self._home(section)
        if home is None:
            lines = [f"[{section}]", *(f"{name} = {_rendered(value)}" for name, value in missing.items())]
            before = self._text + "".join(self._behind)
            gap = "" if not before else self._newline if before.endswith("\n") else 2 * self._newline
            self._behind.append(gap + self._newline.join(lines) + self._newline)
            return
        dotted = not home.path
        for name, value in missing.items():
            if not self._revive(home, (section, name), value):
                at, indent = self._place(home, section, name)
                key = f"{section}.{name}" if dotted else name
                self._added.setdefault(at, []).append(f"{indent}{key} = {_rendered(value)}")

    def _home(self, section: str) -> Block | None:
        """The block that a section's new knobs belong into: that below its header, or the first one with dotted keys of it."""
        for block in self._blocks:
            if block.path == (section,):
                return block
        top = self._blocks[0]
        return top if any(entry.path[0] == section for entry in top.entries) else None

    def _revive(self, home: Block, path: tuple[str, ...], value: Any) -> bool:
        """Bring a knob that was put aside back to life, where it stands; whether there was one."""
        for start, end in home.comments:
            line = self._text[start:end]
            own = line.lstrip()
            if not own.startswith(ASIDE):
                continue
            bare = line[: len(line) - len(own)] + own[len(ASIDE) :].lstrip(" \t")
            with contextlib.suppress(ValueError):  # no TOML, or a value that goes on in the next line
                tomllib.loads(bare)
                entry = next(iter(blocks(bare)[0].entries), None)
                if entry is None or home.path + entry.path != path:
                    continue
                if not _same(tomllib.loads(f"value = {bare[entry.value_start : entry.value_end]}")["value"], value):
                    bare = bare[: entry.value_start] + _rendered(value) + bare[entry.value_end :]
                self._splices.append(_Splice(start, end, bare))
                return True
        return False

    def _place(self, home: Block, section: str, name: str) -> tuple[int, str]:
        """Where a new knob's line goes, and how far it is indented: behind the nearest knob in front of it in the form's order."""
        order = list(knob_by_key())
        rank = order.index(f"{section}.{name}")
        own = [entry for entry in home.entries if entry.path[0] == section]
        before = [one for one in own if (key := ".".join(one.path)) in order and order.index(key) < rank]
        nearest = before[-1] if before else own[-1] if own and not home.path else None
        if nearest is None:
            first = home.entries[0] if home.entries else None
            return home.body, self._indent(first)
        return nearest.end, self._indent(nearest)

    def _indent(self, entry: Entry | None) -> str:
        if entry is None:
            return ""
        line = self._text[entry.start : entry.value_start]
        return line[: len(line) - len(line.lstrip(" \t"))]
