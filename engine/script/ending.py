"""The end of a program: the best weights, the test part, the figures; and with folds or restarts their mean and spread."""

from __future__ import annotations

from .lines import Code, literal
from .measuring import variable
from .plan import Plan


def closing_code(code: Code, plan: Plan) -> None:
    """Go back to the best weights, measure the test part once, print everything to its last digit."""
    stopping, several = plan.config.early_stopping, plan.config.trials.kind != "single"
    code.gap()
    if not several:
        code.heading("the end")
    tested = plan.judged
    if stopping.restore_best:
        code.open("if best_epoch:")
        code.add(f"{tested}.load_state_dict(best_weights)")
        code.close()
    own = stopping.monitor not in ("loss", "accuracy", "rmse")
    code.add(f"test_loss, test_{variable(plan)}{', _' if own else ''} = evaluate({tested}, x_test, y_test)")
    at = "best_epoch - 1" if plan.keeps_best else "-1"
    code.add(f"train_loss, val_loss, {variable(plan)} = history[{at}]")
    if plan.keeps_best:
        code.add('print(f"best epoch  {best_epoch} of {len(history)}")')
    name = plan.metric
    code.add(
        'print(f"train       loss {train_loss}")',
        f'print(f"validation  loss {{val_loss}}  {name} {{{variable(plan)}}}")',
        f'print(f"test        loss {{test_loss}}  {name} {{test_{variable(plan)}}}")',
    )
    if several:
        code.add(f"results.append((val_loss, {variable(plan)}, test_loss, test_{variable(plan)}))")


def summary_code(code: Code, plan: Plan) -> None:
    """Mean and spread over the trials."""
    plan.use("import math", "from statistics import mean, stdev")
    code.heading("all of them")
    code.note("A training that came to no finite loss does not count.")
    code.add("results = [row for row in results if math.isfinite(row[0]) and math.isfinite(row[2])]")
    metric = plan.metric
    names = ["validation loss", f"validation {metric}", "test loss", f"test {metric}"]
    code.add(f"names = {literal(names)}")
    code.open("for name, values in zip(names, zip(*results)):")
    code.add("spread = stdev(values) if len(values) > 1 else math.nan")
    code.add('print(f"{name:<20} mean {mean(values)}  sd {spread}")')
    code.close()
    if plan.config.trials.kind == "restarts":
        code.open("if results:")
        code.add('print(f"the best by validation loss has a test loss of {min(results)[2]}")')
        code.close()
