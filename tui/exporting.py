"""What a run has trained, for other programs: files made by a process of their own, since making them takes torch."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.errors import EXIT_BAD_INPUT, Fault, InputError, TrainingError

from .savefile import checked_path

SECONDS = 300.0  # the longest that one export may take
_PREFIX = "nntui: "


@dataclass(frozen=True, slots=True)
class Form:
    """A form to export in. about: what it is good for. suffix: of the file."""

    kind: str
    about: str
    suffix: str


FORMS = (
    Form("script", "a plain PyTorch program that trains the same", ".py"),
    Form("safetensors", "the weights, with all that `nntui predict` takes", ".safetensors"),
    Form("torchscript", "from raw inputs to answers, with torch alone", ".pt"),
    Form("onnx", "from raw inputs to answers, for an ONNX runtime", ".onnx"),
)


def export_run(folder: str, form: Form, path: str, overwrite: bool) -> None:
    """Write the model of the run in `folder`; takes as long as importing torch.

    Raises FileExistsError when there is a file that may not be written over, OSError, InputError with what stands in the way, and
    TrainingError when the process fails otherwise.
    """
    file = checked_path(path, overwrite)
    # The same modules as here, wherever this process found them; -P: and not what else lies in the current folder.
    paths = os.pathsep.join(part or os.getcwd() for part in sys.path)
    words = [sys.executable, "-P", "-m", "engine", "export", folder, "--to", form.kind, "--out", str(file), "--force"]
    try:
        done = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=SECONDS,
            env={**os.environ, "PYTHONPATH": paths},
        )
    except subprocess.TimeoutExpired:
        raise TrainingError(f"it has taken longer than {SECONDS:.0f} s and was given up") from None
    if done.returncode:
        said = [line.removeprefix(_PREFIX) for line in done.stderr.splitlines() if line.strip()]
        problem = said[-1] if said else f"the process ended with exit code {done.returncode}"
        raise InputError([Fault("", problem)]) if done.returncode == EXIT_BAD_INPUT else TrainingError(problem)


def forms_of(folder: str) -> tuple[Form, ...]:
    """The forms in which the run in this folder can be had: the program alone as long as no weights were kept."""
    return FORMS if folder and (Path(folder) / "model.safetensors").is_file() else FORMS[:1]
