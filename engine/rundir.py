"""A run is a folder: its settings, its journal, its TensorBoard log and its weights."""

from __future__ import annotations

import os
import re
import time
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from .config import RunConfig
from .configfile import dump_config
from .errors import config_error

CONFIG_FILE = "config.toml"
JOURNAL_FILE = "events.jsonl"
COMMANDS_FILE = "commands.jsonl"
LOCK_FILE = "lock"
LOG_FILE = "run.log"
WEIGHTS_FILE = "model.safetensors"
PREPROCESS_FILE = "preprocess.json"
CHECKPOINTS_FOLDER = "checkpoints"


@dataclass(frozen=True, slots=True)
class RunDir:
    """The folder of one run. path is absolute."""

    path: Path

    @property
    def name(self) -> str:
        return self.path.name

    def trial(self, label: str) -> RunDir:
        """The sub-folder of a trial, made if it is not there. Raises OSError."""
        path = self.path / label.replace(" ", "-")
        path.mkdir(exist_ok=True)
        return RunDir(path)

    @property
    def journal(self) -> Path:
        return self.path / JOURNAL_FILE

    @property
    def config(self) -> Path:
        return self.path / CONFIG_FILE

    @property
    def commands(self) -> Path:
        return self.path / COMMANDS_FILE

    @property
    def lock(self) -> Path:
        return self.path / LOCK_FILE

    @property
    def log(self) -> Path:
        return self.path / LOG_FILE

    @property
    def checkpoints(self) -> Path:
        return self.path / CHECKPOINTS_FOLDER

    @property
    def has_checkpoints(self) -> bool:
        """Whether there are any, good or not; those of trials count as well."""
        return any(self.path.rglob(f"{CHECKPOINTS_FOLDER}/*.pt"))

    @property
    def weights(self) -> Path:
        return self.path / WEIGHTS_FILE

    @property
    def preprocess(self) -> Path:
        """What was learned of the training part, with which new data can be treated alike: see engine.data.preprocess."""
        return self.path / PREPROCESS_FILE


def create_run_dir(config: RunConfig) -> RunDir:
    """Make ``<folder>/<time>-<slug>`` and write the resolved settings into it. An existing folder is never used again.

    Raises ConfigError (key run.folder) when the folder cannot be made.
    """
    content = {CONFIG_FILE: dump_config(config).encode()}
    return make_run_dir(config.run.folder, slug(config), content)


def make_run_dir(folder: str | Path, name: str, content: Mapping[str, bytes] = MappingProxyType({})) -> RunDir:
    """Make ``<folder>/<time>-<name>`` with these files in it. Raises ConfigError as `create_run_dir` does."""
    stem = f"{time.strftime('%Y%m%d-%H%M%S')}-{name}"
    parent = Path(folder)
    try:
        parent = parent.expanduser().absolute()
        parent.mkdir(parents=True, exist_ok=True)
        for count in range(1, 1000):
            path = parent / (stem if count == 1 else f"{stem}-{count}")
            try:
                path.mkdir()
            except FileExistsError:
                continue  # two runs started in the same second
            for file, data in content.items():
                write_atomically(path / file, data)
            return RunDir(path)
    except (OSError, RuntimeError) as error:  # RuntimeError: ~somebody who does not exist
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        problem = f"cannot make a run folder in {parent}: {reason}"
        raise config_error("run.folder", problem, "set run.folder to a folder you can write to") from None
    raise config_error("run.folder", f"too many runs called {stem} in {parent}", "set run.name")


def slug(config: RunConfig) -> str:
    """A short, safe folder name for the run: its own name, or dataset and model."""
    source = Path(config.data.source).stem
    model = config.model.path.rpartition(":")[2] if config.model.kind == "custom" else config.model.kind
    return safe_name(config.run.name or f"{source}-{model}")


def safe_name(raw: str) -> str:
    """A name as a part of a folder's name, whatever it is."""
    plain = unicodedata.normalize("NFKD", raw).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9_.]+", "-", plain).strip("-.")[:60] or "run"


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file so that, whatever happens, either the old or the new content is there. Raises OSError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
