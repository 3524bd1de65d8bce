"""Trained models for other programs: files that need nothing of nntui, with the preprocessing in them."""

from __future__ import annotations

import importlib.util
import io
import json
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from .configfile import dump_config
from .errors import Fault, InputError
from .exported import Exported
from .rundir import write_atomically
from .text import clean
from .trained import Trained, trained_from

PREPROCESS, CONFIG = "preprocess.json", "config.toml"
"""What is in a file beside the weights."""


def to_safetensors(trained: Trained) -> bytes:
    """The weights as they are, with the preprocessing, the settings and the names of the classes as metadata."""
    from safetensors.torch import save

    weights = {name: value.detach().contiguous() for name, value in trained.model.state_dict().items()}
    about = {
        "format": "pt",
        PREPROCESS: trained.preprocess.to_json(),
        CONFIG: dump_config(trained.config),
        "classes": json.dumps(trained.classes),
    }
    return save(weights, about)


def from_safetensors(path: Path) -> Trained:
    """The model in a file that `to_safetensors` has made. Raises InputError."""
    from safetensors import SafetensorError, safe_open

    from .configfile import build_config
    from .data.preprocess import Preprocess
    from .tomlfile import parse_toml

    where = clean(path, 2000)
    try:
        with safe_open(path, framework="pt") as file:
            about: Mapping[str, str] = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  -- it is no mapping
        learned = Preprocess.from_json(about[PREPROCESS])
        config = build_config(parse_toml(about[CONFIG], where), file=where)
    except KeyError:
        problem = "holds weights alone, and not what is done to data before it reaches them"
        hint = "name a run, or a file made by `nntui export --to safetensors`"
        raise InputError([Fault("", problem, hint, where)]) from None
    except (OSError, SafetensorError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError([Fault("", f"cannot be read: {clean(reason)}", "", where)]) from None
    return trained_from(path.parent, config, learned, weights, where)


def to_torchscript(trained: Trained) -> bytes:
    """The model with its preprocessing as TorchScript: see `engine.exported.Exported` for what goes in and comes out.

    A model whose code TorchScript cannot compile is traced, if it then gives the same answers. Raises InputError.
    """
    module = Exported(trained.model, trained.preprocess).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of TorchScript, that it is on its way out: there is nothing a user could do
        try:
            script: Any = torch.jit.script(module)
        except Exception:  # noqa: BLE001  -- whatever it does not know of a model of the user's own
            script = _traced(trained, module)
        stream = io.BytesIO()
        extra = {PREPROCESS: trained.preprocess.to_json(), CONFIG: dump_config(trained.config)}
        torch.jit.save(script, stream, _extra_files=extra)
    return stream.getvalue()


def _traced(trained: Trained, module: Exported) -> Any:
    """The module with its net traced: what stands around it is compiled as ever."""
    try:
        with torch.no_grad():
            net: Any = torch.jit.trace(trained.model, module.features(_example(trained, 2)))
            script: Any = torch.jit.script(Exported(net, trained.preprocess).eval())
            other = _example(trained, 5)
            if not torch.equal(script(other), module(other)):
                raise ValueError("traced, it gives other answers")
    except Exception as error:  # noqa: BLE001  -- as above
        problem = f"this model cannot be made TorchScript: {clean(str(error).strip().partition(chr(10))[0], 200)}"
        raise InputError([Fault("--to", problem, "export its weights with --to safetensors")]) from None
    return script


def to_onnx(trained: Trained) -> bytes:
    """The model with its preprocessing as ONNX: inputs and outputs as in TorchScript, named ``raw`` and ``answers``.

    Raises InputError where the packages that it takes are not installed.
    """
    missing = [name for name in ("onnx", "onnxscript") if importlib.util.find_spec(name) is None]
    if missing:
        words = " and ".join(missing)
        hint = f"pip install {' '.join(missing)}, or use --to torchscript"
        raise InputError([Fault("--to", f"ONNX needs the package{'s' if len(missing) > 1 else ''} {words}", hint)])
    module = Exported(trained.model, trained.preprocess).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program: Any = torch.onnx.export(
            module,
            (_example(trained, 2),),
            input_names=["raw"],
            output_names=["answers"],
            dynamic_shapes=({0: torch.export.Dim("rows")},),
            dynamo=True,
            verbose=False,
        )
    proto = program.model_proto
    for name, text in ((PREPROCESS, trained.preprocess.to_json()), (CONFIG, dump_config(trained.config))):
        proto.metadata_props.add(key=name, value=text)
    return proto.SerializeToString()


def _example(trained: Trained, rows: int) -> torch.Tensor:
    """Plausible raw inputs: numbers around those that were trained on, the first categories, any words."""
    if (text := trained.preprocess.text) is not None:
        drawn = np.random.default_rng(0).integers(0, trained.preprocess.vocabulary, (rows, text.length))
        drawn.sort(axis=1)  # which puts padding at an end, the wrong one
        return torch.from_numpy(np.ascontiguousarray(drawn[:, ::-1]))
    module = Exported(nn.Identity(), trained.preprocess)
    mean, scale, origin = (value.double().numpy() for value in (module.mean, module.scale, module.origin))
    raw = origin + mean + scale * np.random.default_rng(0).standard_normal((rows, len(mean)))
    for column, one in enumerate(trained.preprocess.inputs):
        if one.kind in ("category", "boolean"):
            raw[:, column] = 0
    # The days since 1970 with their hours need more digits than a float32 has.
    dates = any(one.kind == "date" for one in trained.preprocess.inputs)
    return torch.from_numpy(raw if dates else raw.astype(np.float32))


KINDS: dict[str, Callable[[Trained], bytes]] = {
    "safetensors": to_safetensors,
    "torchscript": to_torchscript,
    "onnx": to_onnx,
}
"""What makes the content of each kind of file."""


def export(trained: Trained, kind: str, path: str | Path) -> Path:
    """Write the model to a file of this kind, whole or not at all. Raises InputError."""
    content = KINDS[kind](trained)
    try:
        file = Path(path).expanduser().resolve()
        write_atomically(file, content)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(
            [Fault("--out", f"cannot be written: {reason}", "choose another place", clean(path))]
        ) from None
    return file
