"""Knobs of the model: its kind, its size, how its weights start."""

from __future__ import annotations

from typing import Literal

from .declare import HAS_TEXT, Section, Widths, chosen, knob
from .keywords import Keywords

SEQUENTIAL = ("gru", "lstm", "transformer")
"""Kinds of models that read a sample step by step."""


class ModelConfig(Section):
    """Model"""

    kind: Literal["mlp", "linear", "cnn", "gru", "lstm", "transformer", "custom"] = knob(
        "mlp",
        label="model",
        help="The kind of network. linear: one layer, no hidden units. mlp: fully connected layers. cnn: convolutions in front, for pictures "
        "only. gru, lstm: recurrent layers that read a sequence step by step, such as (time, features) or the rows of a grey picture. transformer: "
        "a small encoder in which every step attends to every other. custom: a module of your own or of an installed package. Of texts, linear and mlp "
        "see the mean of the words' embeddings, whatever their order; gru, lstm and transformer read them one by one.",
    )
    path: str = knob(
        "",
        label="where it is",
        help="Where your model is: a class or function as mypkg.nets:Net or path/to/nets.py:Net, or one of an installed package such as "
        "torchvision.models:resnet18 or timm:create_model. Modules are looked for in the current folder first. It is called with the "
        "arguments below and gives a torch module.",
        when=chosen("model.kind", "custom"),
    )
    arguments: Keywords = knob(
        "",
        label="its arguments",
        help="What your model is called with, as name=value, name=value; in a TOML file a table. Arguments that it must have and that are "
        "called in_features, num_classes or the like are filled in from the data when they are not given here.",
        when=chosen("model.kind", "custom"),
        table=True,
    )
    inputs: Literal["shaped", "flat", "tokens"] = knob(
        "shaped",
        label="its inputs",
        help="How your model gets a batch. shaped: as the data is, such as (n, channels, height, width) for pictures and (n, time, features) "
        "for sequences. flat: each row as one vector, (n, features). tokens: shaped, and as whole numbers for an embedding, which needs data "
        "that is not standardized.",
        when=chosen("model.kind", "custom"),
    )
    embedding: int = knob(
        64,
        label="embedding",
        help="How many numbers stand for a word; they are learned with the rest. 32 to 300 is usual: larger ones fit more, and overfit sooner.",
        unit="numbers",
        when=[*HAS_TEXT, chosen("model.kind", "mlp", "linear", *SEQUENTIAL)],
        ge=1,
        le=65536,
    )
    hidden: Widths = knob(
        (128, 64),
        label="hidden layers",
        help="The widths of the hidden layers, in order, such as 128, 64. Wider and deeper nets fit more, and overfit "
        "sooner; an empty list leaves a linear output layer.",
        unit="units",
        when=chosen("model.kind", "mlp", "cnn"),
        max_length=64,
    )
    channels: Widths = knob(
        (16, 32),
        label="channels",
        help="The number of filters of each convolution, in order. After each one the picture is halved by max pooling "
        "while it is at least 4 pixels wide.",
        unit="filters",
        when=chosen("model.kind", "cnn"),
        min_length=1,
        max_length=16,
    )
    kernel: int = knob(
        3,
        label="kernel size",
        help="The width and height of the filters. 3 is usual; 5 or 7 look at larger patterns at a higher cost. Must be "
        "odd so that the picture keeps its size.",
        unit="pixels",
        when=chosen("model.kind", "cnn"),
        ge=1,
        le=15,
    )
    activation: Literal["relu", "leaky_relu", "elu", "gelu", "silu", "tanh", "sigmoid", "softplus", "identity"] = knob(
        "relu",
        label="activation",
        help="The non-linearity after each hidden layer. relu is the safe choice; sigmoid and tanh flatten out for large "
        "inputs, which starves the early layers of a deep net of gradient.",
        when=chosen("model.kind", "mlp", "cnn"),
    )
    batch_norm: bool = knob(
        False,
        label="batch norm",
        help="Normalize each hidden unit over the batch, in front of its activation. Lets deep nets learn at higher learning "
        "rates; needs batches of 2 rows or more, and with fewer than about 8 its statistics are mostly noise.",
        when=chosen("model.kind", "mlp", "cnn"),
    )
    width: int = knob(
        64,
        label="width",
        help="How many numbers the state of a recurrent layer has, or the vector of a step in a transformer. 32 to 256 is usual for "
        "sequences of some hundred steps; wider remembers more, and overfits sooner.",
        unit="units",
        when=chosen("model.kind", *SEQUENTIAL),
        ge=1,
        le=65536,
    )
    layers: int = knob(
        1,
        label="layers",
        help="How many recurrent or encoder layers lie above each other. 1 or 2 are enough for most sequences; each further one "
        "takes as long again.",
        when=chosen("model.kind", *SEQUENTIAL),
        ge=1,
        le=64,
    )
    bidirectional: bool = knob(
        False,
        label="both ways",
        help="Read each sequence from its end as well and put both states together. Helps where what comes later explains what came "
        "before; it takes twice as long.",
        when=chosen("model.kind", "gru", "lstm"),
    )
    heads: int = knob(
        4,
        label="heads",
        help="How many attentions work beside each other, each on its part of the width, which must be a multiple of this. 2 to 8 "
        "are usual.",
        when=chosen("model.kind", "transformer"),
        ge=1,
        le=256,
    )
    feedforward: int = knob(
        128,
        label="feed-forward",
        help="The width of the two dense layers behind each attention. Twice to four times the width is usual.",
        unit="units",
        when=chosen("model.kind", "transformer"),
        ge=1,
        le=65536,
    )
    positions: Literal["sinusoidal", "learned", "none"] = knob(
        "sinusoidal",
        label="positions",
        help="How a transformer is told where in the sequence a step stands, which attention by itself does not see. sinusoidal: fixed "
        "waves. learned: a weight for each place. none: the steps are a set without an order.",
        when=chosen("model.kind", "transformer"),
    )
    pooling: Literal["last", "mean", "max"] = knob(
        "last",
        label="pooling",
        help="How one vector is made of those of all steps. last: the state at the end, usual for recurrent layers. mean: the mean over "
        "all steps, usual for transformers and safer for long sequences. max: the largest of each number.",
        when=chosen("model.kind", *SEQUENTIAL),
    )
    init: Literal["default", "he", "xavier", "normal", "zeros", "orthogonal"] = knob(
        "default",
        label="initial weights",
        help="How the weights are drawn before training; biases start at 0 except under default, which is PyTorch's own "
        "scheme. he keeps the size of signals through relu layers, xavier through tanh and sigmoid, orthogonal through very "
        "deep nets. normal takes a spread of your own, and zeros shows why chance is needed: all units of a layer stay equal.",
        when=chosen("model.kind", "mlp", "linear", "cnn"),
    )
    init_std: float = knob(
        0.05,
        label="initial spread",
        help="Standard deviation of the initial weights. 0.01 to 0.1 is usual: much smaller and the signal dies out on its way "
        "through the layers, much larger and units saturate or the loss starts enormous.",
        when=[chosen("model.kind", "mlp", "linear", "cnn"), chosen("model.init", "normal")],
        log=True,
        gt=0.0,
        le=100.0,
    )
    weights: str = knob(
        "",
        label="begin with",
        help="Begin with the best weights of another run instead of fresh ones: its folder, or a model.safetensors file. What "
        "differs in name or shape starts fresh, and the log says how much of it did. Empty for a fresh start.",
    )
