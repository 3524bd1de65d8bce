"""What is wrong with the model of a configuration before the data is read and the model is built."""

from __future__ import annotations

from .config import RunConfig
from .config.model import SEQUENTIAL
from .data.catalogue import card, is_table, library_of
from .errors import Fault
from .importpath import is_import_path
from .text import clean

FORM = "write mypkg.nets:Net, or path/to/nets.py:Net"


def reads_texts(config: RunConfig) -> bool:
    """Whether what is trained on are texts, word by word."""
    if (known := card(config.data.source)) is not None:
        return known.text
    source = config.data.source
    return bool(config.data.text) and (is_table(source) or library_of(source) == "huggingface")


def text_faults(config: RunConfig) -> list[Fault]:
    """Settings that mean nothing for texts; those that the form does not even show are told elsewhere."""
    if not reads_texts(config):
        return []
    faults = []
    if config.data.missing in ("mean", "median"):
        faults.append(Fault("data.missing", "a missing text cannot be filled in", "use refuse or drop"))
    if config.model.kind == "cnn":
        faults.append(Fault("model.kind", "cnn needs pictures, and this dataset holds texts", "use mlp or gru"))
    return faults


def model_faults(config: RunConfig) -> list[Fault]:
    """Faults of a model for sequences, or of one that is found by its import path; none for the others."""
    model, reg, known = config.model, config.regularization, card(config.data.source)
    texts = reads_texts(config)
    if model.kind in SEQUENTIAL:
        faults = []
        grey = known is not None and known.shape is not None and known.shape[0] == 1
        if known is not None and known.sequence is None and not grey and not texts:
            problem = f"{model.kind} needs sequences, and this dataset is a table"
            faults.append(Fault("model.kind", problem, "use mlp or linear"))
        if model.kind == "transformer" and model.width % model.heads:
            problem = f"must be a multiple of the {model.heads} heads, got {model.width}"
            faults.append(
                Fault("model.width", problem, f"use {max(1, round(model.width / model.heads)) * model.heads}")
            )
        return faults
    if model.kind != "custom":
        return []
    faults = []
    if not model.path.strip():
        faults.append(Fault("model.path", "a custom model needs its class or function", FORM))
    elif not is_import_path(model.path):
        faults.append(
            Fault("model.path", f"{clean(repr(model.path), 80)} names no class or function in a module", FORM)
        )
    if model.inputs == "tokens":
        if config.data.standardize and not texts:
            problem = "numbers that stand for tokens must stay as they are"
            faults.append(Fault("data.standardize", problem, "turn it off"))
        for name in ("input_noise", "mixup", "input_dropout"):
            if getattr(reg, name):
                faults.append(Fault(f"regularization.{name}", "has no meaning for tokens", "remove it"))
    return faults
