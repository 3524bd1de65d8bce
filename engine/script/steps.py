"""The loop of a program: an epoch's steps, validation, early stopping, and the line that it prints."""

from __future__ import annotations

from ..measures import MEASURES
from .building import PER_BATCH, batch, mode, schedules, train_criterion, warm_up_code
from .lines import Code
from .measuring import variable
from .plan import Plan


def loop_code(code: Code, plan: Plan) -> None:
    """The whole loop over the epochs."""
    config = plan.config
    code.gap()
    code.open("for epoch in range(1, EPOCHS + 1):")
    if changes_rate(plan):
        code.add(f'lr = {plan.optimizers[0]}.param_groups[0]["lr"]')
    code.add("model.train()")
    if not plan.measures_train_loss:
        code.add("losses, sizes = [], []")
    code.add(f"rows = torch.randperm(len(x_train), generator=shuffle){plan.to_device}")
    pair = [f"{name}_train[rows].split({batch(plan)})" for name in "xy"]
    if config.run.accumulate > 1:
        plan.constant("ACCUMULATE", config.run.accumulate, "batches whose gradients are added up for a step")
        code.add(f"inputs, targets = {pair[0]}, {pair[1]}", "batches = list(zip(inputs, targets))")
        code.open("for begin in range(0, len(batches), ACCUMULATE):")
        code.add("group = batches[begin : begin + ACCUMULATE]")
        code.add("rows_of_step = sum(len(targets) for _, targets in group)")
        _zero_code(code, plan)
        code.open("for inputs, targets in group:")
        _forward_code(code, plan)
        code.add("(loss * (len(targets) / rows_of_step)).backward()")
        _keep_loss_code(code, plan)
        code.close()
    else:
        code.call("for inputs, targets in zip(", pair, "):")
        code.deepen()
        if config.optimizer.name != "lbfgs":
            _zero_code(code, plan)
        _forward_code(code, plan)
        if config.optimizer.name != "lbfgs":
            code.add("loss.backward()")
        _keep_loss_code(code, plan)
    _step_code(code, plan)
    code.close()
    code.gap()
    _validation_code(code, plan)
    _schedule_step_code(code, plan)
    _print_code(code, plan)
    _stop_code(code, plan)
    code.close()


def changes_rate(plan: Plan) -> bool:
    """Whether the learning rate is anything but constant."""
    return plan.config.schedule.name != "constant" or plan.config.schedule.warmup > 0


def _zero_code(code: Code, plan: Plan) -> None:
    if plan.flattened:
        code.add("optimizer.zero_grad(set_to_none=False)  # they stay views")
    else:
        code.add(*(f"{name}.zero_grad()" for name in plan.optimizers))


def _forward_code(code: Code, plan: Plan) -> None:
    """From a batch to its loss."""
    config, reg = plan.config, plan.config.regularization
    inputs = "inputs"
    if reg.mixup:
        code.add("share = float(mixing.beta(MIXUP, MIXUP))")
        code.add(f"partner = torch.from_numpy(mixing.permutation(len(targets))){plan.to_device}")
        code.add("mixed = share * inputs + (1 - share) * inputs[partner]")
        inputs = "mixed"
    if reg.input_noise:
        device = ", device=device" if plan.has_device else ""
        code.add(f"added = INPUT_NOISE * torch.randn({inputs}.shape, generator=noise{device})")
        code.add(f"noisy = {inputs} + added")
        inputs = "noisy"
    low = config.run.precision == "bfloat16"
    if low:
        where = "device" if plan.has_device else '"cpu"'
        code.open(f"with torch.autocast({where}, torch.bfloat16):")
    code.add(f"output = {_net(plan)}({inputs})")
    _loss_code(code, plan)
    if low:
        code.close()


def _net(plan: Plan) -> str:
    return "compiled" if plan.config.run.compile else "model"


def _loss_code(code: Code, plan: Plan) -> None:
    loss = train_criterion(plan)
    if plan.config.regularization.mixup:
        code.add(f"loss = share * {loss}(output, targets)")
        code.add(f"loss = loss + (1 - share) * {loss}(output, targets[partner])")
    else:
        code.add(f"loss = {loss}(output, targets)")


def _keep_loss_code(code: Code, plan: Plan) -> None:
    if not plan.measures_train_loss:
        code.add("losses.append(loss.detach())", "sizes.append(len(targets))")


def _penalty_code(code: Code, plan: Plan) -> None:
    """The gradient of the penalties."""
    reg = plan.config.regularization
    if not (reg.l1 or reg.l2):
        return
    names = " and ".join(filter(None, ["L1 * |w|" if reg.l1 else "", "L2 * w^2" if reg.l2 else ""]))
    if reg.l1:
        plan.constant("L1", reg.l1, "times the sum of |w| is added to the loss")
    if reg.l2:
        plan.constant("L2", reg.l2, "times the sum of w^2 is added to the loss")
    code.note(f"The gradient of {names}, as autograd would add it.")
    code.open("with torch.no_grad():")
    code.open("for weight in penalized:")
    if reg.l2:
        code.add("weight.grad += 2 * L2 * weight")
    if reg.l1:
        code.add("weight.grad += L1 * weight.sign()")
    code.close(2)


def _clip_code(code: Code, plan: Plan) -> None:
    optimizer = plan.config.optimizer
    if optimizer.clip_value:
        plan.constant("CLIP_VALUE", optimizer.clip_value, "no entry of the gradient is larger")
        code.add("nn.utils.clip_grad_value_(model.parameters(), CLIP_VALUE)")
    if optimizer.clip_norm:
        plan.constant("CLIP_NORM", optimizer.clip_norm, "the norm of the gradient is at most this")
        code.add("nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)")


def _step_code(code: Code, plan: Plan) -> None:
    """From the gradients to new weights."""
    config, reg = plan.config, plan.config.regularization
    closure = config.optimizer.name == "lbfgs"
    if closure:
        _closure_code(code, plan)
    else:
        _penalty_code(code, plan)
        _clip_code(code, plan)
    if reg.weight_decay:
        plan.constant("WEIGHT_DECAY", reg.weight_decay, "times the rate: the share that a weight loses at each step")
        code.open("with torch.no_grad():")
        code.open("for weight in penalized:")
        code.add(f'weight *= 1 - {plan.optimizers[0]}.param_groups[0]["lr"] * WEIGHT_DECAY')
        code.close(2)
    code.add(*(f"{name}.step({'closure' if closure else ''})" for name in plan.optimizers))
    if reg.max_norm:
        plan.constant("MAX_NORM", reg.max_norm, "the norm of a unit's incoming weights is at most this")
        code.open("with torch.no_grad():")
        code.open("for matrix in matrices:")
        code.add("matrix.renorm_(2, 0, MAX_NORM)")
        code.close(2)
    if config.run.average == "ema":
        code.add("averaged.update_parameters(model)")
    per_batch = config.schedule.name in PER_BATCH
    if config.schedule.warmup:
        code.add("steps += 1")
        code.open("if steps <= warmup_steps:")
        warm_up_code(code, plan)
        code.close()
        if per_batch:
            code.open("else:")
            code.add(*(f"{name}.step()" for name in schedules(plan)))
            code.close()
    elif per_batch:
        code.add(*(f"{name}.step()" for name in schedules(plan)))


def _closure_code(code: Code, plan: Plan) -> None:
    """LBFGS computes the loss itself, as often as it needs."""
    reg = plan.config.regularization
    code.gap()
    code.open("def closure():")
    code.add("optimizer.zero_grad()")
    low = plan.config.run.precision == "bfloat16"
    inputs = "noisy" if reg.input_noise else "mixed" if reg.mixup else "inputs"
    if low:
        where = "device" if plan.has_device else '"cpu"'
        code.open(f"with torch.autocast({where}, torch.bfloat16):")
    code.add(f"output = {_net(plan)}({inputs})")
    _loss_code(code, plan)
    if low:
        code.close()
    code.add("loss.backward()")
    _penalty_code(code, plan)
    _clip_code(code, plan)
    if reg.l1 or reg.l2:
        code.add("penalty = 0.0")
        code.open("for weight in penalized:")
        if reg.l1:
            code.add("penalty = penalty + L1 * weight.detach().abs().sum()")
        if reg.l2:
            code.add("penalty = penalty + L2 * weight.detach().square().sum()")
        code.close()
        code.add("return (loss + penalty).item()")
    else:
        code.add("return loss.item()")
    code.close()
    code.gap()


def _validation_code(code: Code, plan: Plan) -> None:
    """Training and validation loss, and whether the epoch is the best so far."""
    config, stopping = plan.config, plan.config.early_stopping
    if config.run.average == "swa":
        code.open("if epoch > SWA_START * EPOCHS:")
        code.add("averaged.update_parameters(model)", "judged = averaged.module")
        code.close()
    own = stopping.monitor in MEASURES and stopping.monitor not in ("loss", "accuracy", "rmse")
    others = ", *_" if own else ", _"
    if plan.measures_train_loss:
        code.add(f"train_loss{others} = evaluate({plan.judged}, x_train, y_train)")
    else:
        code.add("train_loss = mean_loss(losses, sizes)")
    third = f", {stopping.monitor}" if own else ""
    code.add(f"val_loss, {variable(plan)}{third} = evaluate({plan.judged}, x_val, y_val)")
    code.add(f"history.append((train_loss, val_loss, {variable(plan)}))")
    if plan.keeps_best:
        _best_code(code, plan)


def _best_code(code: Code, plan: Plan) -> None:
    """The patience form of early stopping (Prechelt 1998), with as much of it as is switched on."""
    stopping = plan.config.early_stopping
    value = "val_loss" if stopping.monitor == "loss" else stopping.monitor
    on, high = stopping.enabled, mode(plan) == "max"
    if on and stopping.start:
        plan.constant("START_AFTER", stopping.start, "epochs at the beginning that early stopping does not look at")
        code.open("if epoch > START_AFTER:")
    if on and stopping.diverged_above:
        code.open(f"if math.isinf(first) and math.isfinite({value}):")
        code.add(f"first = {value}")
        code.close()
    sign, beats = ("+", ">") if high else ("-", "<")
    odd = high != (MEASURES[stopping.monitor].mode == "max")
    bar = "best"
    if on and stopping.min_delta:
        about = "by which an epoch must beat the best one"
        plan.constant("MIN_DELTA", stopping.min_delta, f"share of the best {about}" if stopping.relative else about)
        bar = f"best {sign} MIN_DELTA"
        if stopping.relative:
            code.add(f"bar = best {sign} MIN_DELTA * abs(best) if best_epoch else best")
            bar = "bar"
    if on and stopping.target is not None:
        plan.constant("TARGET", stopping.target, "good enough: the run ends")
        code.add(f"reached = math.isfinite({value}) and {value} {beats}= TARGET")
        if bar != "best":
            code.add(f"bar = best if reached else {bar}")
            bar = "bar"
    code.open(f"if {f'math.isfinite({value}) and ' if odd else ''}{value} {beats} {bar}:")
    code.add(f"best, best_epoch{', waited' if on else ''} = {value}, epoch{', 0' if on else ''}")
    if stopping.restore_best:
        code.add(f"best_weights = copy.deepcopy({plan.judged}.state_dict())")
        plan.use("import copy")
    code.close()
    if on:
        code.open("else:")
        code.add("waited += 1")
        code.close()
        if stopping.start:
            code.close()


def _schedule_step_code(code: Code, plan: Plan) -> None:
    schedule = plan.config.schedule
    if schedule.name == "constant" or schedule.name in PER_BATCH:
        return
    if schedule.warmup:
        code.open("if epoch > WARMUP_EPOCHS:")
    argument = "val_loss" if schedule.name == "plateau" else ""
    code.add(*(f"{name}.step({argument})" for name in schedules(plan)))
    if schedule.warmup:
        code.close()


def _print_code(code: Code, plan: Plan) -> None:
    epochs = plan.config.run.epochs
    mark = "{'*' if epoch == best_epoch else ' '}" if plan.keeps_best else ""
    parts = [
        f"epoch {{epoch{f':>{len(str(epochs))}' if epochs > 9 else ''}}}/{{EPOCHS}}",
        "train {train_loss:.4f}",
        f"val {{val_loss:.4f}}{mark}",
        f"{plan.metric} {{{variable(plan)}:.4f}}",
        *(["lr {lr:.2e}"] if changes_rate(plan) else []),
    ]
    line = f'print(f"{"  ".join(parts)}")'
    if len(line) + 4 > 88:
        code.add("print(", f'    f"{"  ".join(parts[:2])}  "', f'    f"{"  ".join(parts[2:])}"', ")")
    else:
        code.add(line)


def _stop_code(code: Code, plan: Plan) -> None:
    """The reasons to end before the last epoch."""
    stopping = plan.config.early_stopping
    value = "val_loss" if stopping.monitor == "loss" else stopping.monitor
    if stopping.non_finite:
        code.open("if not (math.isfinite(train_loss) and math.isfinite(val_loss)):")
        code.add('print("stopped: the loss is no longer finite")', "break")
        code.close()
        plan.use("import math")
    if not stopping.enabled:
        return
    if stopping.target is not None:
        looked_at = "epoch > START_AFTER and " if stopping.start else ""
        code.open(f"if {looked_at}reached:")
        code.add('print("stopped: the target is reached")', "break")
        code.close()
    if stopping.diverged_above:
        plan.constant("DIVERGED_ABOVE", stopping.diverged_above, "times the first value: the run has gone astray")
        code.open(f"if 0 < first * DIVERGED_ABOVE < {value}:")
        code.add('print("stopped: the run has diverged")', "break")
        code.close()
    plan.constant("PATIENCE", stopping.patience, "epochs without improvement that end the run")
    code.open("if waited >= PATIENCE:")
    code.add('print(f"stopped: no better for {waited} epochs")', "break")
    code.close()
