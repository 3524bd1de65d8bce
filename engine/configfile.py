"""TOML <-> RunConfig. Every fault is found at once, each with its key, its line and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from .config import RunConfig
from .config.keywords import keywords_of
from .data.catalogue import FILE_SUFFIXES, card, catalogue, is_called, is_file, is_table
from .errors import ConfigError, Fault
from .importpath import is_import_path
from .knobs import bound_text, knob_by_key, knobs, parse, values, visible, with_defaults
from .measures import loss_fault, monitor_fault
from .modelfaults import model_faults, reads_texts, text_faults
from .stepping import stepping_faults
from .text import clean
from .tomlfile import lines_of_keys, parse_toml, read_text

Nested = dict[str, dict[str, Any]]


def load_config(path: str | Path, settings: Sequence[str] = ()) -> RunConfig:
    """Read a TOML file and lay ``--set`` settings (``"optimizer.lr=0.01"``) over it.

    Raises ConfigError with every fault found: unknown knobs, wrong types, values out of bounds, knobs without effect.
    """
    return config_of(read_text(path), str(path), settings)


def config_of(text: str, where: str, settings: Sequence[str] = ()) -> RunConfig:
    """What TOML text that came from `where` says, with settings laid over it; ConfigError as `load_config` has it."""
    return build_config(parse_toml(text, where), settings, file=where, lines=lines_of_keys(text))


def build_config(
    given: Mapping[str, Any],
    settings: Sequence[str] = (),
    *,
    file: str = "",
    lines: Mapping[str, int] | None = None,
) -> RunConfig:
    """A RunConfig from nested values and ``--set`` settings; ConfigError with every fault at once."""
    nested, faults = _sections(given)
    overridden, setting_faults = _apply_settings(nested, settings)
    _drop_overruled(nested, overridden)
    config, more = check(nested)
    unreadable = {fault.key for fault in setting_faults}  # already reported: the value under that key is the file's
    faults = [*faults, *setting_faults, *(fault for fault in more if fault.key not in unreadable)]
    if faults or config is None:
        raise ConfigError([_placed(fault, file, lines or {}, overridden) for fault in faults])
    return config


def check(nested: Mapping[str, Mapping[str, Any]]) -> tuple[RunConfig | None, list[Fault]]:
    """Validate nested values; returns the config (None when refused) and every fault found. Cheap enough for each key."""
    faults: list[Fault] = []
    config = None
    try:
        config = RunConfig.model_validate(nested)
    except ValidationError as error:
        faults = [_fault(details) for details in error.errors(include_url=False)]
    current = with_defaults(nested)
    wrong = {fault.key for fault in faults}
    for row in knobs():
        if not row.when or row.name not in nested.get(row.section, {}) or row.visible(current):
            continue
        if not any(key in wrong for condition in row.when for key in condition.keys):
            unmet = [condition.words for condition in row.when if not condition.holds(current)]
            faults.append(Fault(row.key, f"has no effect here: it counts only when {' and '.join(unmet)}", "remove it"))
    if config is not None and not faults:
        faults = _together(config)
    return (None if faults else config), faults


def _together(config: RunConfig) -> list[Fault]:
    """Faults of values that are fine alone but not together, or that name something which does not exist."""
    faults = [
        Fault(row.key, "must not contain a null byte", "remove it")
        for row in knobs()
        if row.kind in ("text", "names")
        and any("\0" in text for text in getattr(getattr(config, row.section), row.name))
    ]
    source, known = config.data.source, card(config.data.source)
    if known is None and not is_file(source) and not is_called(source):
        close = _closest(source, [item.name for item in catalogue()])
        hint = (
            f"did you mean {close!r}?"
            if close
            else f"`nntui datasets` lists them; a file's path ends in {', '.join(FILE_SUFFIXES)} or holds a /"
        )
        faults.append(Fault("data.source", f"no dataset is called {source!r}", hint))
    if known is None and is_table(source) and not config.data.target:
        faults.append(Fault("data.target", "a file needs the column to predict", "set data.target to a column's name"))
    faults += [*model_faults(config), *text_faults(config)]
    if config.data.validation + config.data.test >= 1.0:
        faults.append(
            Fault("data.test", "validation and test together leave nothing to train on", "keep their sum below 1")
        )
    if config.model.kind == "cnn":
        table = (known is not None and known.shape is None) or (known is None and is_table(source))
        if table and not reads_texts(config):
            faults.append(Fault("model.kind", "cnn needs pictures, and this dataset is a table", "use mlp or linear"))
        if config.model.kernel % 2 == 0:
            faults.append(Fault("model.kernel", f"must be odd, got {config.model.kernel}", "use 3, 5 or 7"))
    task, classes = _task(config)
    if task:
        faults += filter(None, [loss_fault(config.loss.name, task, classes)])
        faults += filter(None, [monitor_fault(config.early_stopping.monitor, task, classes)])
    return [*faults, *stepping_faults(config)]


def _task(config: RunConfig) -> tuple[str, int | None]:
    """The task and the number of classes, as far as they are known before the data is read."""
    if (known := card(config.data.source)) is not None:
        return known.task, known.classes
    return ("" if config.data.task == "auto" else config.data.task), None


def _sections(given: Mapping[str, Any]) -> tuple[Nested, list[Fault]]:
    """Copy the sections of `given`; what is not a known section becomes a fault."""
    nested: Nested = {}
    faults = []
    for name, value in given.items():
        if name not in RunConfig.model_fields:
            # A knob without its section is the likeliest slip: `lr = 0.1` at the top of the file.
            homes = [key for key in knob_by_key() if key.split(".", 1)[1] == name]
            close = homes[0] if homes else _closest(name, [*RunConfig.model_fields, *knob_by_key()])
            what = "section" if isinstance(value, Mapping) else "knob"
            faults.append(Fault(name, f"unknown {what}", _did_you_mean(close)))
        elif not isinstance(value, Mapping):
            knob = {"model": 'kind = "custom" and path', "data": "source"}.get(name)
            here = f' such as {knob} = "{clean(value, 60)}"' if knob and is_import_path(str(value)) else ""
            hint = f"write [{name}] on a line of its own, knobs below it{here}"
            faults.append(Fault(name, "is a section, not a knob", hint))
        else:
            nested[name] = dict(value)
    return nested, faults


def _apply_settings(nested: Nested, settings: Sequence[str]) -> tuple[set[str], list[Fault]]:
    """Lay ``key=value`` settings over `nested`; returns the keys set and the faults."""
    overridden: set[str] = set()
    faults = []
    for setting in settings:
        key, equals, text = setting.partition("=")
        key = key.strip()
        row = knob_by_key().get(key)
        if not equals:
            faults.append(Fault("", f"{setting!r} needs key=value", "for example --set optimizer.lr=0.01", "--set"))
        elif row is None:
            close = _closest(key, list(knob_by_key()))
            faults.append(Fault(key, "unknown knob", _did_you_mean(close), "--set"))
        else:
            overridden.add(key)
            try:
                nested.setdefault(row.section, {})[row.name] = parse(row, text)
            except ValueError as error:
                faults.append(Fault(key, str(error), _range_hint(key), "--set"))
    return overridden, faults


def _drop_overruled(nested: Nested, overridden: set[str]) -> None:
    """Forget values of the file that a setting made meaningless: momentum, when ``--set optimizer.name=adam`` came."""
    current = with_defaults(nested)
    for row in knobs():
        if row.key not in overridden and any(
            not overridden.isdisjoint(condition.keys) and not condition.holds(current) for condition in row.when
        ):
            nested.get(row.section, {}).pop(row.name, None)


def _placed(fault: Fault, file: str, lines: Mapping[str, int], overridden: Iterable[str]) -> Fault:
    """The fault with the place it came from: the file and line, or ``--set``."""
    if fault.where or not fault.key:
        return fault
    if fault.key in overridden:
        return Fault(fault.key, fault.problem, fault.hint, "--set")
    if not file:
        return fault
    line = lines.get(fault.key) or lines.get(fault.key.split(".", 1)[0])
    return Fault(fault.key, fault.problem, fault.hint, f"{file}:{line}" if line else file)


_TYPES = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": 'must be text in quotes, such as "digits"',
    "tuple_type": "must be a list of whole numbers, such as [128, 64]",
    "finite_number": "must be a finite number",
    "string_unicode": "must be valid UTF-8 text",
    "model_type": "is a section, not a knob",
    "model_attributes_type": "is a section, not a knob",
}
_BOUNDS = {"greater_than": "gt", "greater_than_equal": "ge", "less_than": "lt", "less_than_equal": "le"}
_BOUND_WORDS = {"gt": "more than", "ge": "at least", "lt": "less than", "le": "at most"}


def _fault(details: ErrorDetails) -> Fault:
    """One of pydantic's errors in our words."""
    key = ".".join(str(part) for part in details["loc"][:2])
    kind, got = details["type"], _got(details["input"])
    context = details.get("ctx", {})
    if kind == "extra_forbidden":
        return Fault(key, "unknown knob", _did_you_mean(_closest(key, list(knob_by_key()))))
    if kind in _BOUNDS:
        side = _BOUNDS[kind]
        return Fault(key, f"must be {_BOUND_WORDS[side]} {bound_text(context[side])}, got {got}", _range_hint(key))
    if kind == "literal_error":
        row = knob_by_key()[key]
        close = _closest(details["input"], row.choices) if isinstance(details["input"], str) else None
        extra = f"; did you mean {close!r}?" if close else ""
        return Fault(key, f"must be one of {', '.join(row.choices)}, got {got}{extra}")
    if kind == "value_error":  # of our own making
        return Fault(key, str(context["error"]))
    if kind in ("too_short", "string_too_short"):
        return Fault(key, "must not be empty")
    if kind in ("too_long", "string_too_long"):
        return Fault(key, f"is too long: at most {context['max_length']}")
    return Fault(key, f"{_TYPES.get(kind, details['msg'].lower())}, got {got}", _range_hint(key))


def _got(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    try:
        return clean(repr(value), 60)
    except RecursionError:  # a.a.a.a = 1 can nest deeper than repr can follow
        return "a deeply nested value"


def _range_hint(key: str) -> str:
    row = knob_by_key().get(key)
    return f"allowed: {row.bounds()}" if row is not None and row.bounds() else ""


def _did_you_mean(close: str | None) -> str:
    return f"did you mean {close}?" if close else "`nntui config --template` lists every knob"


def _closest(word: str, known: Sequence[str]) -> str | None:
    """The known name nearest to `word`; a knob is also found by its own name without the section."""
    last = word.rsplit(".", 1)[-1].lower()
    homes = [name for name in known if name.rsplit(".", 1)[-1] == last]
    if len(homes) == 1:  # the right knob in the wrong section
        return homes[0]
    swapped = [name for name in known if sorted(name) == sorted(word.lower())]  # adma is adam, though adamax is closer
    found = swapped or difflib.get_close_matches(word.lower(), known, n=1, cutoff=0.6)
    if found:
        return found[0]
    tails: dict[str, str] = {}
    for name in known:
        tails.setdefault(name.rsplit(".", 1)[-1], name)
    found = difflib.get_close_matches(last, list(tails), n=1, cutoff=0.7)
    return tails[found[0]] if found else None


def to_nested(config: RunConfig) -> Nested:
    """The knobs of `config` that mean something, by section: what a resolved TOML file holds."""
    current = values(config)
    nested: Nested = {}
    for row in visible(current):
        value = current[row.key]
        if value is None:  # TOML has no such value: the knob is left out
            continue
        # Lists and tables, as TOML and JSON have them: what is written equals what is read back.
        if row.kind == "table":
            value = keywords_of(value)
        nested.setdefault(row.section, {})[row.name] = list(value) if isinstance(value, tuple) else value
    return nested


def dump_config(config: RunConfig) -> str:
    """`config` as TOML; reading it back gives an equal RunConfig."""
    import tomlkit

    document = tomlkit.document()
    for section, content in to_nested(config).items():
        table = tomlkit.table()
        for name, value in content.items():
            table.add(name, toml_item(value))
        document.add(section, table)
    return tomlkit.dumps(document)


def toml_item(value: Any) -> Any:
    """A value as tomlkit writes it, a table on one line."""
    import tomlkit

    if not isinstance(value, Mapping):
        return tomlkit.item(value)
    table = tomlkit.inline_table()
    for name, one in value.items():
        table.add(name, toml_item(one))
    return table


def template() -> str:
    """A TOML file with every knob at its default and its help as a comment; knobs of other choices are commented out."""
    import textwrap

    current = values(RunConfig())
    out: list[str] = [
        "# Every knob of a run. Lines that start with #: belong to another choice; uncomment them with it."
    ]
    section = ""
    for row in knobs():
        if row.section != section:
            section = row.section
            out += ["", f"[{section}]"]
        note = row.help
        if row.choices:
            note += f" One of: {', '.join(row.choices)}."
        if row.bounds():
            note += f" Allowed: {row.bounds()}."
        if row.defaults:
            note += f" Default: {row.default_words()}."
        if row.when:
            note += f" Counts when {' and '.join(condition.words for condition in row.when)}."
        out += [f"# {line}" for line in textwrap.wrap(note, 96)]
        if row.default is None:
            out.append(f"#: {row.key.split('.', 1)[1]} = 1.0  # not set")
            continue
        value: Any = list(row.default) if isinstance(row.default, tuple) else row.default
        item = toml_item(keywords_of(value) if row.kind == "table" else value)
        line = f"{row.key.split('.', 1)[1]} = {item.as_string()}"
        out.append(line if row.visible(current) else f"#: {line}")
    return "\n".join(out) + "\n"
