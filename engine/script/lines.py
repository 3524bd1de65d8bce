"""Lines of a program under construction: indentation, blank lines, calls that are broken when they get long."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

WIDTH = 88
"""The line length that formatters take when they are told nothing."""


def literal(value: Any) -> str:
    """A value as Python writes it, text in double quotes where it can be."""
    text = repr(value)
    if isinstance(value, str) and '"' not in text:
        return f'"{text[1:-1]}"' if text[0] == "'" and "\\'" not in text else text
    if isinstance(value, tuple | list):
        inner = ", ".join(map(literal, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    return text


class Expression(str):
    """Text that is Python already."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Code:
    """The body of a program, line by line; `open` and `close` change the indentation."""

    def __init__(self) -> None:
        self.docstring: list[str] = []
        self.command = ""
        self._lines: list[str] = []
        self._depth = 0

    def add(self, *lines: str) -> None:
        """Lines at the present indentation, which may be indented further."""
        self._lines += ["    " * self._depth + line if line else "" for line in lines]

    def note(self, text: str) -> None:
        """A comment."""
        self.add(f"# {text}")

    def gap(self, lines: int = 1) -> None:
        """Blank lines, as many as that in all; none at the beginning of a block."""
        if self._lines and not self._lines[-1].endswith(":"):
            while self._lines and not self._lines[-1]:
                self._lines.pop()
            self._lines += [""] * lines

    def heading(self, text: str) -> None:
        """Blank lines and a comment that divides the program."""
        self.gap(1 if self._depth else 2)
        self.note(f"---- {text} ----")
        self._lines.append("")

    def open(self, line: str) -> None:
        """A line that ends in a colon; what follows stands below it."""
        self.add(line)
        self._depth += 1

    def deepen(self) -> None:
        """What follows stands below the line before."""
        self._depth += 1

    def close(self, levels: int = 1) -> None:
        self._depth -= levels

    def call(self, before: str, parts: Iterable[str], after: str = ")") -> None:
        """``before`` + the parts + ``after`` on one line, or with a line for each part where that gets too long."""
        listed = list(parts)
        line = f"{before}{', '.join(listed)}{after}"
        inner = "    " + ", ".join(listed)
        if len(line) + 4 * self._depth <= WIDTH:
            self.add(line)
        elif len(inner) + 4 * self._depth <= WIDTH:
            self.add(before, inner, after)
        else:
            self.listing(before, listed, after)

    def table(self, before: str, parts: list[str]) -> None:
        """A list on one line, or with a line for each part."""
        line = f"{before}[{', '.join(parts)}]"
        if len(line) + 4 * self._depth <= WIDTH:
            self.add(line)
        else:
            self.listing(f"{before}[", parts, "]")

    def listing(self, before: str, parts: Iterable[str], after: str = ")") -> None:
        """As `call`, always with a line for each part."""
        self.add(before, *(f"    {part}," for part in parts), after)

    def text(self, imports: Iterable[str], constants: Mapping[str, tuple[Any, str]]) -> str:
        """The whole program: docstring, imports, constants with what they are, body."""
        plain = sorted({line for line in imports if _standard(line)}, key=_import_order)
        others = sorted({line for line in imports if not _standard(line)}, key=_import_order)
        head = ['"""' + self.docstring[0], *self.docstring[1:], '"""']
        head += [f"# The same in nntui: {self.command}"] if self.command else []
        head += ["", *plain, *([""] if plain else []), *others, ""]
        for name, (value, about) in constants.items():
            line = f"{name} = {literal(value)}"
            head.append(f"{line}  # {about}" if about else line)
        body = self._lines
        while body and not body[0]:
            body = body[1:]
        return "\n".join([*head, "", *body]).rstrip() + "\n"


def _standard(line: str) -> bool:
    return line.split()[1].split(".")[0] in ("copy", "csv", "datetime", "math", "pathlib", "re", "statistics")


def _import_order(line: str) -> tuple[bool, str]:
    """Plain imports first, then those from a module, each in order of the alphabet."""
    return line.startswith("from"), line.lower()
