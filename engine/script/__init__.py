"""A run's settings as a plain PyTorch program, which needs nothing of nntui and comes to the same numbers.

It is written as a person would write it for a course: imports, data, model, loss, optimizer, the loop from forward to step,
validation, test; and holds only what these settings use. Nothing here imports torch or scikit-learn.

On the CPU its numbers are those of the run bit for bit. Where that takes an unusual line, a comment in the program says so: adam
and adamw step one vector that holds all weights, as the run does, since torch's fused kernel rounds the odd numbers at the end
of each tensor differently.
"""

from __future__ import annotations

import ast

from ..config import RunConfig
from ..invocation import command_line
from ..text import clean
from .building import flattening_code, model_code, optimizer_code, schedule_code, state_code
from .data import data_code, fold_code, split_code
from .ending import closing_code, summary_code
from .lines import Code
from .measuring import evaluation_code
from .plan import Plan, plan_script
from .steps import loop_code

__all__ = ["plain_script"]


def plain_script(config: RunConfig) -> str:
    """The training of `config` as the text of a Python program.

    A file that is to be trained on is read, for its columns and the sizes of the parts. Raises ConfigError for settings that no
    such program can have, each with its knob, and DataError or ConfigError for what a run would refuse as well.
    """
    plan = plan_script(config)
    code = Code()
    evaluation_code(code, plan)
    flattening_code(code, plan)
    data_code(code, plan)
    kind = config.trials.kind
    if kind == "kfold":
        fold_code(code, plan)
    else:
        split_code(code, plan)
        if kind == "restarts":
            code.gap()
            code.add("results = []")
            code.open(f"for seed in range({config.run.seed}, {config.run.seed + config.trials.restarts}):")
            code.add('print(f"seed {seed}")')
    for part in (model_code, optimizer_code, schedule_code, state_code, loop_code, closing_code):
        part(code, plan)
    if kind != "single":
        code.close()
        summary_code(code, plan)
    _head(code, plan)
    text = code.text(plan.imports, plan.constants)
    ast.parse(text)
    return text


_KINDS = {"mlp": "A fully connected net", "linear": "A linear model", "cnn": "A convolutional net"}


def _head(code: Code, plan: Plan) -> None:
    config = plan.config
    source = clean(config.data.source, 60).replace("\\", "/").replace('"', "'")
    pillow = ", Pillow" if any("PIL" in line for line in plan.imports) else ""
    code.docstring = [
        f"{_KINDS[config.model.kind]} for {source}, in plain PyTorch: needs torch, numpy{pillow} and scikit-learn.",
        "",
        "Written by nntui. On the CPU it comes to the very numbers of the run with the same settings,",
        "given the same versions of torch, numpy and scikit-learn on the same kind of machine.",
    ]
    code.command = clean(command_line(config), 4000)
