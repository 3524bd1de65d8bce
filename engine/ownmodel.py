"""A model of the user's own: called with its arguments, given its inputs as they are shaped, and looked after like a built-in one."""

from __future__ import annotations

import inspect
import json
import math
import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from torch import Tensor, nn

from .config import ModelConfig
from .config.keywords import keywords_of
from .errors import code_error, config_error
from .text import clean, closest
from .usercode import callable_words, guarded, load_object, source_of

PATH, ARGUMENTS = "model.path", "model.arguments"

_FEATURES = frozenset(
    [
        "in_features",
        "n_features",
        "num_features",
        "features",
        "input_size",
        "input_dim",
        "in_dim",
        "n_inputs",
        "num_inputs",
        "inputs",
        "d_in",
    ]
)
_CHANNELS = frozenset(["in_channels", "in_chans", "n_channels", "num_channels", "channels"])
_STEPS = frozenset(["seq_len", "sequence_length", "n_steps", "num_steps", "time_steps", "steps"])
_WORDS = frozenset(
    [
        "vocab_size",
        "vocabulary_size",
        "vocabulary",
        "n_vocab",
        "num_embeddings",
        "n_tokens",
        "num_tokens",
        "ntoken",
        "n_words",
        "num_words",
    ]
)
_SHAPE = frozenset(["input_shape", "in_shape", "sample_shape", "shape"])
_OUTPUTS = frozenset(
    [
        "num_classes",
        "n_classes",
        "classes",
        "num_labels",
        "out_features",
        "n_outputs",
        "num_outputs",
        "outputs",
        "output_size",
        "output_dim",
        "out_dim",
        "d_out",
    ]
)
"""Names of arguments that are filled in from the data where they must be given and are not."""


class OwnModel(nn.Module):
    """A module of the user's as a model from (n, features) to (n, outputs), or (n,) for a single output.

    net: theirs; it gets x in the shape of a sample, as whole numbers if they stand for tokens. head: what the loss wants behind
    it, see engine.losses.with_head. widest: numbers that the largest output of any layer has for a row, and work: multiply-adds of a
    row, unused: whether there are weights that it does without, all as `engine.rehearsal` has measured them. trace: of a preview, what was seen of its layers. Its weights are saved under the names that they have in `net`.
    """

    def __init__(self, net: nn.Module, shape: tuple[int, ...], tokens: bool, input_dropout: float) -> None:
        super().__init__()
        self.net = net
        self.shape, self.tokens = shape, tokens
        self.input_dropout = nn.Dropout(input_dropout)
        self.head: nn.Module = nn.Identity()
        self.widest, self.work, self.unused = math.prod(shape), 0, False
        self.trace: Any = None
        self.register_state_dict_post_hook(_without_net)
        self.register_load_state_dict_pre_hook(_with_net)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.net(self.shaped(x)))

    def shaped(self, x: Tensor) -> Tensor:
        """A batch (n, features) as the user's module gets it."""
        x = self.input_dropout(x)
        if len(self.shape) != 1:
            x = x.unflatten(1, self.shape)
        return x.long() if self.tokens else x

    def layers(self) -> list[tuple[str, nn.Module | nn.Parameter]]:
        """The parts of the user's module that a person would call its layers, and parameters that belong to none of them."""
        found: list[tuple[str, nn.Module | nn.Parameter]] = []
        net, above = self.net, ""
        while True:  # into what only wraps another module
            children = [(f"{above}{name}", part) for name, part in net.named_children()]
            own = [(f"{above}{name}", one) for name, one in net.named_parameters(recurse=False)]
            if own or len(children) != 1 or not any(True for _ in children[0][1].children()):
                break
            above, net = f"{children[0][0]}.", children[0][1]
        if not children:
            return [(type(self.net).__name__.lower(), self.net)] if not above else [(above.rstrip("."), net)]
        seen: set[int] = set()
        for name, part in (*own, *children):
            parameters = [part] if isinstance(part, nn.Parameter) else list(part.parameters())
            if not parameters or any(id(one) not in seen for one in parameters):
                found.append((name, part))
            seen |= {id(one) for one in parameters}
        return found


def _without_net(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    for key in [key for key in state if key.startswith(f"{prefix}net.")]:
        state[prefix + key[len(prefix) + 4 :]] = state.pop(key)


def _with_net(module: nn.Module, state: dict[str, Any], prefix: str, *rest: Any) -> None:
    for key in [key for key in state if key.startswith(prefix)]:
        state[f"{prefix}net.{key[len(prefix) :]}"] = state.pop(key)


def build_own(
    config: ModelConfig,
    input_dropout: float,
    features: int,
    shape: tuple[int, ...],
    outputs: int,
    vocabulary: int = 0,
) -> OwnModel:
    """The model that `config.path` names, with freshly drawn weights. shape: of a sample, with product `features`. vocabulary: of
    texts, how many numbers stand for their words.

    Raises ConfigError when there is no such thing or it does not take these arguments, and CodeError when it fails.
    """
    given_shape = (features,) if config.inputs == "flat" else shape
    target = load_object(config.path, PATH)
    name = callable_words(target)
    if isinstance(target, nn.Module):
        problem = f"{clean(config.path, 120)} is a module that is built already, and each training needs a fresh one"
        raise config_error(PATH, problem, "name its class, or a function that makes it")
    if not callable(target):
        problem = f"{clean(config.path, 120)} is {_a(target)}, and neither a class nor a function"
        raise config_error(PATH, problem, "name what is to be called")
    arguments = {**keywords_of(config.arguments)}
    arguments |= filled_in(target, arguments, given_shape, outputs, vocabulary)
    _refuse_misfits(target, name, arguments)
    with guarded(PATH, f"{name}({_listed(arguments)})", keeps_chance=False):
        net = target(**arguments)
    if not isinstance(net, nn.Module):
        problem = f"{name}(...) gives {_a(net)}, and a torch.nn.Module is wanted"
        hint = "return the model" if net is None else ""
        raise code_error(PATH, problem, hint, source_of(target))
    return OwnModel(net, given_shape, config.inputs == "tokens", input_dropout)


def filled_in(
    target: Any, given: Mapping[str, Any], shape: tuple[int, ...], outputs: int, vocabulary: int = 0
) -> dict[str, Any]:
    """Arguments that `target` must have, that are not given, and whose names say what of the data they are.

    shape: of what it gets. features are those of a time step for a sequence (time, features), else of a whole sample.
    """
    found: dict[str, Any] = {}
    for name, parameter in _parameters(target).items():
        if name in given or parameter.default is not parameter.empty or parameter.kind not in _BY_NAME:
            continue
        if vocabulary and name in _WORDS:
            found[name] = vocabulary
        elif name in _FEATURES:
            found[name] = shape[1] if len(shape) == 2 else math.prod(shape)
        elif (name in _CHANNELS and len(shape) >= 3) or (
            name in _STEPS and len(shape) >= 1 and (len(shape) == 2 or vocabulary)
        ):
            found[name] = shape[0]
        elif name in _SHAPE:
            found[name] = shape
        elif name in _OUTPUTS:
            found[name] = outputs
    return found


_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def _parameters(target: Any) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(target).parameters
    except (TypeError, ValueError):  # of C, or made by something strange: the call will tell
        return {}


def _refuse_misfits(target: Any, name: str, arguments: Mapping[str, Any]) -> None:
    """Raise ConfigError for arguments that the signature does not have, or lacks."""
    known = _parameters(target)
    if not known and arguments:
        try:
            inspect.signature(target)
        except (TypeError, ValueError):
            return
    takes_all = any(one.kind is one.VAR_KEYWORD for one in known.values())
    names = [one for one, parameter in known.items() if parameter.kind in _BY_NAME]
    for one in arguments:
        if one not in names and not takes_all:
            match = closest(one, names)
            listed = ", ".join(clean(other, 30) for other in names[:12])
            hint = f"did you mean {match}?" if match else f"it takes {listed}" if listed else "it takes none"
            raise config_error(ARGUMENTS, f"{name} takes no argument '{clean(one, 60)}'", hint, source_of(target))
    for one, parameter in known.items():
        if parameter.kind in _BY_NAME and parameter.default is parameter.empty and one not in arguments:
            hint = f"give it, such as {clean(one, 40)}=... in {ARGUMENTS}"
            raise config_error(ARGUMENTS, f"{name} needs an argument '{clean(one, 60)}'", hint, source_of(target))


def _listed(arguments: Mapping[str, Any]) -> str:
    return clean(", ".join(f"{name}={value!r}" for name, value in arguments.items()), 120)


def _a(value: object) -> str:
    """A value by its type, in words: ``a dict``, ``an int``, ``None``."""
    if value is None:
        return "None"
    word = clean(type(value).__name__, 60)
    return f"{'an' if word[:1].lower() in 'aeiou' else 'a'} {word}"


# ---- chance beside torch's ----


def seed_chance(seed: int) -> None:
    """Begin Python's and numpy's own generators, which the user's code may draw from, anew."""
    random.seed(seed)
    np.random.seed(seed % (1 << 32))


def chance_state() -> str:
    """Where these generators stand."""
    kind, words, *rest = np.random.get_state()
    return json.dumps([random.getstate(), [kind, np.asarray(words).tolist(), *rest]])


def put_chance(state: str) -> None:
    """Put them where `chance_state` found them."""
    (version, words, gauss), (kind, keys, *rest) = json.loads(state)
    random.setstate((version, tuple(words), gauss))
    np.random.set_state((kind, np.array(keys, dtype=np.uint32), *rest))


def tensors_of(value: Any) -> Iterator[Tensor]:
    """The tensors in what a module gets or gives."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for one in value.values():
            yield from tensors_of(one)
    elif isinstance(value, list | tuple):
        for one in value:
            yield from tensors_of(one)


def on_meta(model: nn.Module) -> bool:
    """Whether a model has shapes only, and no numbers."""
    return any(one.device.type == "meta" for one in model.parameters())
