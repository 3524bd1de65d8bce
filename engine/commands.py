"""What a run can be asked for, by a key, a signal or a line in its folder's commands.jsonl; and those lines, both ways."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
from typing import Any, ClassVar, get_type_hints

from .events import EndReason

MOST_EPOCHS = 1_000_000


@dataclass(frozen=True, slots=True)
class Command:
    """Base of all commands. A run looks at them between batches and answers with events."""

    word: ClassVar[str] = ""


@dataclass(frozen=True, slots=True)
class Stop(Command):
    """End after the batch in hand. A checkpoint is saved; then the best weights are tested and kept, or not even that.

    now: leave the test out. reason: what the record says of it.
    """

    word: ClassVar[str] = "stop"

    now: bool = False
    reason: EndReason = "stopped"


@dataclass(frozen=True, slots=True)
class Pause(Command):
    """Wait between two batches."""

    word: ClassVar[str] = "pause"


@dataclass(frozen=True, slots=True)
class Resume(Command):
    """Go on after a pause."""

    word: ClassVar[str] = "resume"


@dataclass(frozen=True, slots=True)
class Save(Command):
    """Save a checkpoint after the batch in hand and go on."""

    word: ClassVar[str] = "save"


@dataclass(frozen=True, slots=True)
class MoreEpochs(Command):
    """Train `epochs` epochs more than planned, whatever early stopping says meanwhile."""

    word: ClassVar[str] = "more"

    epochs: int = 10


@dataclass(frozen=True, slots=True)
class Edit(Command):
    """Change knobs of the run under way. changes: the new values by key, as a person would type them."""

    word: ClassVar[str] = "edit"

    changes: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Revert(Command):
    """Go back to the checkpoint before the last edit."""

    word: ClassVar[str] = "revert"


@dataclass(frozen=True, slots=True)
class ScreenGone(Command):
    """Put on record that the screen which started the run is gone. problem: why, one line."""

    word: ClassVar[str] = "screen-gone"

    problem: str = ""


COMMANDS: dict[str, type[Command]] = {
    kind.word: kind for kind in (Stop, Pause, Resume, Save, MoreEpochs, Edit, Revert, ScreenGone)
}


def to_line(command: Command) -> str:
    """The command as one line of JSON, without the newline."""
    return json.dumps({"command": command.word, **asdict(command)}, ensure_ascii=False, separators=(",", ":"))


def from_line(line: str) -> Command:
    """The command of a line that `to_line` or a person wrote. Raises ValueError with a readable reason."""
    try:
        body = json.loads(line)
    except (ValueError, RecursionError):
        raise ValueError("not a line of JSON") from None
    if not isinstance(body, dict) or (kind := COMMANDS.get(str(body.pop("command", "")))) is None:
        raise ValueError(f"not a command; known are {', '.join(COMMANDS)}")
    hints = get_type_hints(kind)
    given: dict[str, Any] = {}
    for item in fields(kind):
        if item.name in body:
            given[item.name] = _checked(item.name, hints[item.name], body[item.name])
    return kind(**given)


def _checked(name: str, hint: Any, value: Any) -> Any:
    if hint is bool and isinstance(value, bool):
        return value
    if hint is int and isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_EPOCHS:
        return value
    if name == "problem" and isinstance(value, str):
        return value
    if name == "reason" and value in ("stopped", "interrupted", "terminated"):
        return value
    if name == "changes" and isinstance(value, dict) and all(isinstance(one, str) for one in value.values()):
        return value
    raise ValueError(f"{name} cannot be {value!r}")
