"""The sample configurations that come with nntui, by name."""

from __future__ import annotations

import difflib
from pathlib import Path

from .errors import config_error


def samples_dir() -> Path:
    """Where the samples lie: inside the installed package, or beside it in a source checkout."""
    inside = Path(__file__).parent / "sample_configs"
    return inside if inside.is_dir() else Path(__file__).parent.parent / "sample_configs"


def samples() -> dict[str, Path]:
    """Every sample's name and file, in alphabetical order."""
    return {path.stem: path for path in sorted(samples_dir().glob("*.toml"))}


def sample_path(name: str) -> Path:
    """The file of a sample; ConfigError with a did-you-mean when there is none of that name."""
    known = samples()
    if name in known:
        return known[name]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are: {', '.join(known)}"
    raise config_error("--sample", f"no sample is called {name!r}", hint)


def about(path: Path) -> str:
    """What a sample shows: the comment at its top, as one line."""
    lines = []
    for line in path.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            break
        lines.append(line.lstrip("# ").strip())
    return " ".join(lines)
