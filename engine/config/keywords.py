"""Keyword arguments as one value of a configuration: a table in TOML, ``width=64, act="relu"`` in a field or behind ``--set``.

Inside a configuration they are that text, written in one way only, so that two equal tables are equal texts. What a value can be
is what TOML and JSON both have: text, whole and other numbers, true, false, lists, and tables of these.
"""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator

_WORDS = {"true": True, "false": False, "True": True, "False": False}
_DEEPEST = 20
_MOST = 10_000


def keywords_of(text: str) -> dict[str, Any]:
    """The arguments that a text such as ``width=64, hidden=[64, 32], act=relu, flag=true`` stands for.

    Values are written as in Python or TOML; a single word needs no quotes. Raises ValueError, whose text completes "…: ".
    """
    if len(text) > _MOST:
        raise ValueError(f"is too long: at most {_MOST} characters")
    try:
        call: Any = ast.parse(f"f({text}\n)", mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"must be name=value, name=value; got {_short(text)}") from None
    plain = isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "f"
    if not plain or call.args or any(one.arg is None for one in call.keywords):
        raise ValueError(f"must be name=value, name=value; got {_short(text)}")
    found: dict[str, Any] = {}
    for one in call.keywords:
        name = str(one.arg)
        if name in found:
            raise ValueError(f"{name} is given twice")
        found[name] = _checked(_value(one.value, name), name)
    return found


def keywords_text(arguments: Mapping[str, Any]) -> str:
    """The one text for these arguments. Raises ValueError for what no configuration can hold."""
    for name, value in arguments.items():
        if not isinstance(name, str) or not name.isidentifier():
            raise ValueError(f"{name!r} cannot be the name of an argument")
        _checked(value, name)
    return ", ".join(f"{name}={_written(value)}" for name, value in arguments.items())


def _short(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:59] + "…")


def _value(node: ast.expr, name: str) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.UnaryOp(op=ast.USub() | ast.UAdd(), operand=ast.Constant(value=int() | float() as number)):
            return -number if isinstance(node.op, ast.USub) else number
        case ast.List(elts=items) | ast.Tuple(elts=items):
            return [_value(item, name) for item in items]
        case ast.Dict(keys=keys, values=values):
            return {_key(key, name): _value(value, name) for key, value in zip(keys, values, strict=True)}
        case ast.Name(id=word) if word in _WORDS:
            return _WORDS[word]
        case ast.Name() | ast.Attribute():  # a word without quotes, such as the name of a model
            return ast.unparse(node)
    raise ValueError(f"{name} must be text, a number, true, false or a list of these; got {_short(ast.unparse(node))}")


def _key(node: ast.expr | None, name: str) -> Any:
    if node is None:
        raise ValueError(f"{name} must be text, a number, true, false or a list of these")
    return _value(node, name)


def _checked(value: Any, name: str, depth: int = 0) -> Any:
    """The value; ValueError when TOML or JSON has nothing for it."""
    kind = type(value)
    if depth > _DEEPEST:
        raise ValueError(f"{name} is nested too deeply")
    if value is None:
        raise ValueError(f"{name} cannot be None here: leave it out, so that its own default counts")
    if kind is float and not math.isfinite(value):
        raise ValueError(f"{name} must be finite")
    if kind is int and abs(value) >= 1 << 63:
        raise ValueError(f"{name} is too large a number")
    if kind is str and "\0" in value:
        raise ValueError(f"{name} must not contain a null byte")
    if kind in (list, tuple):
        return [_checked(one, name, depth + 1) for one in value]
    if isinstance(value, Mapping):
        if any(type(key) is not str for key in value):
            raise ValueError(f"the keys of {name} must be text")
        return {key: _checked(one, name, depth + 1) for key, one in value.items()}
    if kind not in (str, int, float, bool):
        raise ValueError(f"{name} must be text, a number, true, false or a list of these; got {_short(str(value))}")
    return value


def _written(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, Mapping):
        return (
            "{"
            + ", ".join(f"{json.dumps(key, ensure_ascii=False)}: {_written(one)}" for key, one in value.items())
            + "}"
        )
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_written, value)) + "]"
    return repr(value)


def _as_text(given: Any) -> str:
    """What a configuration was given, a table or a text, as the one text."""
    if isinstance(given, Mapping):
        return keywords_text(given)
    if isinstance(given, str):
        return keywords_text(keywords_of(given))
    raise ValueError("must be a table such as { width = 64 }")


Keywords = Annotated[str, BeforeValidator(_as_text)]
