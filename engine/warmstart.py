"""Weights that a run begins with instead of fresh ones: those of another run's best epoch."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from .checkpoint import CheckpointError, Checkpoints
from .data.preprocess import Preprocess
from .data.tokens import FIRST
from .errors import config_error
from .rundir import CHECKPOINTS_FOLDER, PREPROCESS_FILE, WEIGHTS_FILE
from .text import clean

KEY = "model.weights"


@torch.no_grad()
def begin_with(model: nn.Module, source: str, learned: Preprocess | None = None) -> str:
    """Put the weights that lie at `source` into `model` where name and shape fit; a line that says how many did.

    source: a run's folder, whose best weights count, or a safetensors file. learned: of the model's data; embeddings of words go to
    the same words. Raises ConfigError when there are none or none fit.
    """
    found, words = best_weights(Path(source).expanduser())
    own, told = model.state_dict(), ""
    if learned is not None and learned.text is not None:
        found, told = _by_word(found, own, learned.text.values, Path(source).expanduser())
    fitting = {name: value for name, value in found.items() if name in own and own[name].shape == value.shape}
    if not fitting:
        problem = f"none of the weights in {clean(source)} fits this model"
        raise config_error(KEY, problem, "use the same kind of model with at least one layer of the same shape")
    model.load_state_dict({**own, **fitting})
    fresh = [clean(name) for name in own if name not in fitting]
    left = f"; fresh: {', '.join(fresh)}" if fresh else ""
    return f"begins with {len(fitting)} of {len(own)} weight tensors from {words}{left}{told}"


EMBEDDING = ".embed.weight"


def _by_word(
    found: Mapping[str, Tensor], own: Mapping[str, Tensor], words: Sequence[str], source: Path
) -> tuple[Mapping[str, Tensor], str]:
    """The weights with the rows of the embedding brought to where the same words stand in this vocabulary; what to say of it.

    A word that the others did not know keeps its fresh embedding, and all do where it is not on record which words those are.
    """
    names = [name for name in own if name.endswith(EMBEDDING) and name in found]
    if not names or found[names[0]].shape[1:] != own[names[0]].shape[1:]:
        return found, ""
    name = names[0]
    before = _words_of(source)
    if before is None or len(before) + FIRST != len(found[name]):
        return {key: value for key, value in found.items() if key != name}, ""
    place = {word: number for number, word in enumerate(before, FIRST)}
    known = [(number, place[word]) for number, word in enumerate(words, FIRST) if word in place]
    pairs = torch.tensor([(number, number) for number in range(FIRST)] + known)
    rows = own[name].clone()
    rows[pairs[:, 0]] = found[name].to(rows)[pairs[:, 1]]
    return {**found, name: rows}, f"; {len(known)} of {len(words)} words have an embedding there"


def _words_of(source: Path) -> tuple[str, ...] | None:
    """The vocabulary of the run in a folder, or of the model in a file that `nntui export` has made; None when it is not known."""
    try:
        if source.is_dir():
            text = (source / PREPROCESS_FILE).read_text("utf-8")
        else:
            from safetensors import safe_open

            with safe_open(source, "pt") as stored:
                text = (stored.metadata() or {}).get(PREPROCESS_FILE, "")
        learned = Preprocess.from_json(text).text
    except (OSError, ValueError):
        return None
    return None if learned is None else learned.values


def best_weights(path: Path) -> tuple[Mapping[str, Tensor], str]:
    """The best weights in a run's folder or a safetensors file, and where they are from. Raises ConfigError (model.weights)."""
    file = path / WEIGHTS_FILE if path.is_dir() else path
    if path.is_dir() and not file.exists():
        return _from_checkpoint(path)
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(file), clean(file, 2000)
    except (OSError, SafetensorError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise config_error(KEY, f"cannot read {clean(file)}: {clean(reason)}", "name a run's folder") from None


def _from_checkpoint(folder: Path) -> tuple[Mapping[str, Tensor], str]:
    """Those of a run that has not come to its end: the best ones in its newest checkpoint, or the latest it has."""
    try:
        loaded = Checkpoints(folder / CHECKPOINTS_FOLDER, read_only=True).load_newest()
    except (OSError, CheckpointError):
        loaded = None
    if loaded is None:
        problem = f"{clean(folder)} has neither {WEIGHTS_FILE} nor a good checkpoint"
        raise config_error(KEY, problem, "name the folder of a run that has trained")
    content = loaded.content
    best, epoch = content["best_weights"], content["stopping"]["best_epoch"]
    words = f"{clean(folder, 2000)}, epoch"
    return (best, f"{words} {epoch}") if best else (content["model"], f"{words} {loaded.entry.epochs}")
