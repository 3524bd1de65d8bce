"""The functions of a program that measure a model on a part of the data."""

from __future__ import annotations

from typing import Any

from ..measures import top_k
from .lines import Code, literal
from .plan import Plan, chunk_of, steps_per_epoch


def needs_mean(plan: Plan) -> bool:
    """Whether the program has a mean over batches to take, from those of training or of evaluation."""
    return not plan.measures_train_loss or judges_in_batches(plan)


def judges_in_batches(plan: Plan) -> bool:
    """Whether a part may have more rows than are judged at a time."""
    parts = [plan.validation_rows, plan.test_rows]
    return max([*parts, plan.train_rows] if plan.measures_train_loss else parts) > plan.evaluated


def evaluation_code(code: Code, plan: Plan) -> None:
    """The functions that measure a model on a part of the data."""
    config = plan.config
    code.heading("measuring")
    if plan.has_device:
        if config.run.device == "auto":
            code.add('device = "mps" if torch.backends.mps.is_available() else "cpu"')
            code.add('device = "cuda" if torch.cuda.is_available() else device')
        else:
            code.add(f"device = {literal(config.run.device)}")
    if needs_mean(plan):
        _mean_code(code, plan)
    monitor = config.early_stopping.monitor
    if (writer := _MEASURES.get(monitor)) is not None:
        code.gap(2)
        writer(code, plan)
    code.gap(2)
    code.add("@torch.inference_mode()")
    code.open("def evaluate(model, x, y):")
    third = monitor in _MEASURES
    off = ", in evaluation mode: dropout off" if any("Dropout" in layer for layer in plan.layers) else ""
    code.add(
        f'"""The mean loss{"," if third else " and"} the {plan.metric}{f" and {monitor}" if third else ""} of a part{off}."""'
    )
    code.add("model.eval()")
    if judges_in_batches(plan):
        code.add("losses, outputs = [], []")
        code.open(f"for inputs, targets in zip(x.split({plan.evaluated}), y.split({plan.evaluated})):")
        code.add("outputs.append(model(inputs))", "losses.append(criterion(outputs[-1], targets))")
        code.close()
        code.add("loss = mean_loss(losses, [len(output) for output in outputs])")
        code.add("output = torch.cat(outputs)")
    else:
        code.add("output = model(x)", "loss = criterion(output, y).item()")
    if plan.has_device and (not plan.classes or third):
        code.add("output, y = output.cpu(), y.cpu()")
    if plan.classes:
        code.add(f"accuracy = ({_predicted(plan)} == {_truth(plan)}).sum().item() / len(y)")
    else:
        code.add("squares = (output - y).square().sum(dtype=torch.float64).item()")
        code.add("rmse = math.sqrt(squares / len(y)) * y_std")
        plan.use("import math")
    code.add(f"return loss, {variable(plan)}{f', {monitor}_of(output, y)' if third else ''}")
    code.close()


def variable(plan: Plan) -> str:
    """The name of the second figure in the program."""
    return "accuracy" if plan.classes else "rmse"


def _predicted(plan: Plan) -> str:
    return "(output > 0)" if plan.one_value else "output.argmax(dim=1)"


def _truth(plan: Plan) -> str:
    return "(y > 0)" if plan.one_value else "y"


def _mean_code(code: Code, plan: Plan) -> None:
    code.gap(2)
    code.open("def mean_loss(losses, sizes):")
    code.add('"""The mean over all rows, from the mean over each batch and its size."""')
    code.add(f"sums = torch.stack(losses){'.cpu()' if plan.has_device else ''}.double() * torch.tensor(sizes)")
    chunk = chunk_of(plan.batch_size, plan.outputs)
    if not plan.measures_train_loss and steps_per_epoch(plan) > chunk:
        code.add(f"return sum(part.sum().item() for part in sums.split({chunk})) / sum(sizes)")
    else:
        code.add("return sums.sum().item() / sum(sizes)")
    code.close()


def _top_k_code(code: Code, plan: Plan) -> None:
    k = top_k(plan.classes)
    code.open("def top_k_of(output, y):")
    code.add(f'"""The share of rows whose class is among the {k} with the highest scores, of equals the first."""')
    code.add(
        "own = output.gather(1, y[:, None])",
        "ahead = (torch.arange(output.shape[1]) < y[:, None]) & (output == own)",
        "beaten = (~(output <= own) | ahead).sum(dim=1)",
        f"return (beaten < {k}).double().mean().item()",
    )
    code.close()


def _macro_f1_code(code: Code, plan: Plan) -> None:
    classes = plan.classes
    code.open("def macro_f1_of(output, y):")
    code.add('"""The mean over the classes of F1 = 2 tp / (2 tp + fp + fn)."""')
    code.add(f"cell = {_truth(plan)}.long() * {classes} + {_predicted(plan)}.long()")
    code.add(f"counts = torch.bincount(cell, minlength={classes**2}).view({classes}, {classes}).double()")
    code.add(
        "both = counts.sum(0) + counts.sum(1)",
        "f1 = 2 * counts.diagonal() / both.clamp(min=1)",
        "return (f1.sum() / (both > 0).sum()).item()",
    )
    code.close()


def _auroc_code(code: Code, plan: Plan) -> None:
    code.open("def auroc_of(output, y):")
    code.add('"""The area under the ROC curve: the chance that a row of a class is ranked above another."""')
    code.open("if output.isnan().any():")
    code.add("return math.nan")
    code.close()
    plan.use("import math")
    if plan.one_value:
        code.add("ranked, positive = output.double()[None], (y > 0)[None]")
    elif plan.classes == 2:
        code.add("output = output.double()", "ranked, positive = (output[:, 1] - output[:, 0])[None], (y == 1)[None]")
    else:
        code.add("ranked = output.double().log_softmax(dim=1).T.contiguous()  # a row for each class")
        code.add(f"positive = y[None] == torch.arange({plan.classes})[:, None]")
    code.add(
        "ordered = ranked.sort(dim=1).values",
        "first = torch.searchsorted(ordered, ranked) + 1",
        "last = torch.searchsorted(ordered, ranked, right=True)  # the ranks of equal scores",
        "count = positive.sum(dim=1)",
        "pairs = count * (len(y) - count)",
        "ranks = ((first + last) * positive).sum(dim=1)  # twice their sum, a whole number",
        "area = (ranks - count * (count + 1)).double() / (2 * pairs.clamp(min=1))",
        "return ((area * (pairs > 0)).sum() / (pairs > 0).sum()).item()",
    )
    code.close()


def _mae_code(code: Code, plan: Plan) -> None:
    code.open("def mae_of(output, y):")
    code.add('"""The mean absolute error in the unit of the target."""')
    code.add("return (output.double() - y.double()).abs().mean().item() * y_std")
    code.close()


def _r2_code(code: Code, plan: Plan) -> None:
    code.open("def r2_of(output, y):")
    code.add('"""R squared: the share of the variance that is explained."""')
    code.add(
        "squares = (output.double() - y.double()).square().sum()",
        "spread = (y.double() - y.double().mean()).square().sum()",
        "return (1 - squares / spread).item()",
    )
    code.close()


_MEASURES: dict[str, Any] = {
    "top_k": _top_k_code,
    "macro_f1": _macro_f1_code,
    "auroc": _auroc_code,
    "mae": _mae_code,
    "r2": _r2_code,
}
