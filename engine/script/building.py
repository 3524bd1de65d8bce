"""The parts of a program between data and loop: the model, the loss, the optimizer, the schedule."""

from __future__ import annotations

from typing import Any

from ..config import MOMENTUM_CAN_CYCLE, OptimizerConfig, ScheduleConfig
from ..measures import MEASURES
from ..torchtable import STAND_INS, Entry, extra_options, table
from .lines import Code, Expression, literal
from .plan import Plan

PER_BATCH = frozenset(["cyclic", "one_cycle"])
"""The schedules that move after every batch, as engine.optim has it."""


def flattening_code(code: Code, plan: Plan) -> None:
    """The function that puts a model's weights into one vector, where the optimizer's kernel needs it."""
    if not plan.flattened:
        return
    code.gap(2)
    code.open("def as_one_vector(model):")
    code.add(
        '"""Put all parameters into one vector, and their gradients likewise; the model has views of it.',
        "",
        "The optimizer then steps them in one call, which is faster for a small net, and rounds them all",
        "alike: the fused kernel treats the last few numbers of every tensor apart. Each parameter begins",
        "at a multiple of 16 numbers, as it would in memory of its own.",
        '"""',
    )
    device = ", device=device" if plan.has_device else ""
    code.add(
        "parameters = list(model.parameters())",
        "sizes = [-(-parameter.numel() // 16) * 16 for parameter in parameters]",
        f"vector = nn.Parameter(torch.zeros(sum(sizes){device}))",
        "vector.grad = torch.zeros_like(vector)",
        "pieces = zip(parameters, vector.data.split(sizes), vector.grad.split(sizes))",
    )
    code.open("for parameter, values, gradient in pieces:")
    code.add(
        "values[: parameter.numel()] = parameter.data.flatten()",
        "parameter.data = values[: parameter.numel()].view_as(parameter)",
        "parameter.grad = gradient[: parameter.numel()].view_as(parameter)",
    )
    code.close()
    code.add("return vector")
    code.close()


def model_code(code: Code, plan: Plan) -> None:
    """The net with its first weights, and the loss."""
    config = plan.config
    code.heading("model and loss")
    code.add(f"torch.manual_seed({plan.seed})")
    code.listing("model = nn.Sequential(", plan.layers)
    if config.model.init != "default":
        kinds = "nn.Linear | nn.Conv2d" if config.model.kind == "cnn" else "nn.Linear"
        code.open("for layer in model:")
        code.open(f"if isinstance(layer, {kinds}):")
        code.add(_INITS[config.model.init].format(std=config.model.init_std), "nn.init.zeros_(layer.bias)")
        code.close(2)
    if plan.has_device:
        code.add("model.to(device)")
    _loss_code(code, plan)


_INITS = {
    "he": 'nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")',
    "xavier": "nn.init.xavier_uniform_(layer.weight)",
    "normal": "nn.init.normal_(layer.weight, std={std})",
    "zeros": "nn.init.zeros_(layer.weight)",
    "orthogonal": "nn.init.orthogonal_(layer.weight)",
}


def _loss_code(code: Code, plan: Plan) -> None:
    loss, reg = plan.config.loss, plan.config.regularization
    options = {
        "huber": {"delta": loss.delta},
        "smooth_l1": {"beta": loss.beta},
    }.get(plan.loss, {})
    parts = [f"{name}={value}" for name, value in options.items() if value != 1.0]
    if loss.class_weights == "balanced":
        code.note("A row counts more, the rarer its class is in the training part.")
        labels = "y_train.cpu()" if plan.has_device else "y_train"
        whole = f"{labels}.long()" if plan.loss == "bce" else labels
        code.add(f"counts = np.bincount({whole}, minlength={plan.classes})")
        code.add("present = counts[counts > 0]")
        code.add("balanced = [present.sum() / (len(present) * n) if n else 1.0 for n in counts]")
        code.add(f"weights = torch.tensor(balanced, dtype=torch.float32){plan.to_device}")
        parts.append("pos_weight=weights[1] / weights[0]" if plan.loss == "bce" else "weight=weights")
    code.add(f"criterion = nn.{_LOSSES[plan.loss]}({', '.join(parts)})")
    if reg.label_smoothing:
        smoothing = plan.constant("LABEL_SMOOTHING", reg.label_smoothing, "share of the answer spread over all classes")
        smooth = ", ".join([*parts, f"label_smoothing={smoothing}"])
        code.add(f"train_criterion = nn.{_LOSSES[plan.loss]}({smooth})")


_LOSSES = {
    "cross_entropy": "CrossEntropyLoss",
    "bce": "BCEWithLogitsLoss",
    "nll": "NLLLoss",
    "hinge": "MultiMarginLoss",
    "mse": "MSELoss",
    "l1": "L1Loss",
    "huber": "HuberLoss",
    "smooth_l1": "SmoothL1Loss",
}


def train_criterion(plan: Plan) -> str:
    """The name of the loss that is minimized."""
    return "train_criterion" if plan.config.regularization.label_smoothing else "criterion"


def _arguments(entry: Entry, section: OptimizerConfig | ScheduleConfig) -> dict[str, Any]:
    """The arguments of torch's class that differ from its defaults."""
    found: dict[str, Any] = {}
    for argument, parts in entry.arguments.items():
        values = [getattr(section, knob) for knob in parts]
        values = [
            None if knob in STAND_INS and v == STAND_INS[knob] else v for knob, v in zip(parts, values, strict=True)
        ]
        defaults = list(parts.values())
        if values != defaults:
            value: Any = values[0] if len(values) == 1 else tuple(values)
            found[argument] = list(value) if argument == "milestones" else value
    return found


def optimizer_code(code: Code, plan: Plan) -> None:
    """The optimizer; muon's matrices and the rest have one each."""
    config = plan.config.optimizer
    code.heading("optimizer")
    entry = table().optimizers[config.name]
    given = {"lr": Expression("LEARNING_RATE"), **{k: v for k, v in _arguments(entry, config).items() if k != "lr"}}
    if config.name == "sgd":
        given.pop("nesterov", None)
        if config.nesterov and config.momentum > 0 and config.dampening == 0:
            given["nesterov"] = True
    if plan.flattened:
        given["fused"] = True
    given |= extra_options(config.extra)
    parts = [f"{name}={literal(value)}" for name, value in given.items()]
    if config.name == "muon":
        code.note("Muon makes the steps of matrices orthogonal; everything else is left to AdamW.")
        code.add("matrices = [parameter for parameter in model.parameters() if parameter.ndim == 2]")
        code.add("others = [parameter for parameter in model.parameters() if parameter.ndim != 2]")
        code.call("muon = torch.optim.Muon(", ["matrices", *parts])
        code.call("adamw = torch.optim.AdamW(", ["others", "lr=LEARNING_RATE", f"weight_decay={config.weight_decay}"])
        return
    stepped = "[as_one_vector(model)]" if plan.flattened else "model.parameters()"
    code.call(f"optimizer = torch.optim.{entry.cls}(", [stepped, *parts])


def schedule_code(code: Code, plan: Plan) -> None:
    """The learning-rate schedule, and what a warm-up in front of it needs."""
    config, schedule = plan.config, plan.config.schedule
    if schedule.warmup:
        plan.constant("WARMUP_EPOCHS", schedule.warmup, "in which the learning rate rises in equal steps")
    if schedule.warmup or schedule.name == "one_cycle":
        together = f"({batch(plan)} * ACCUMULATE)" if config.run.accumulate > 1 else batch(plan)
        code.add(f"steps_per_epoch = math.ceil(len(x_train) / {together})")
        plan.use("import math")
    if schedule.name != "constant":
        entry = table().schedulers[schedule.name]
        given = _arguments(entry, schedule)
        epochs = "EPOCHS - WARMUP_EPOCHS" if schedule.warmup else "EPOCHS"
        for whole_run, knob in (("T_max", "t_max"), ("total_iters", "total_iters")):
            if whole_run in entry.arguments and getattr(schedule, knob) == 0:
                given[whole_run] = Expression(epochs)
        steps = f"({epochs}) * steps_per_epoch" if schedule.warmup else f"{epochs} * steps_per_epoch"
        from_run = {"max_lr": Expression("LEARNING_RATE"), "total_steps": Expression(steps)}
        given |= {name: from_run[name] for name in entry.from_run}
        if "cycle_momentum" in entry.arguments:
            given.pop("cycle_momentum", None)
            if not (schedule.cycle_momentum and config.optimizer.name in MOMENTUM_CAN_CYCLE):
                given["cycle_momentum"] = False
        given |= extra_options(schedule.extra)
        parts = [f"{name}={literal(value)}" for name, value in given.items()]
        for name, optimizer in zip(schedules(plan), plan.optimizers, strict=True):
            code.call(f"{name} = torch.optim.lr_scheduler.{entry.cls}(", [optimizer, *parts])
    if schedule.warmup:
        first = plan.optimizers[0]
        code.add(f'start_rate = {first}.param_groups[0]["lr"]  # where the warm-up leads to')
        code.add("warmup_steps = WARMUP_EPOCHS * steps_per_epoch", "steps = 0")
        warm_up_code(code, plan)


def warm_up_code(code: Code, plan: Plan) -> None:
    """Set the rate of the warm-up's present step."""
    code.open(f"for group in {groups(plan)}:")
    code.add('group["lr"] = start_rate * ((steps + 1) / (warmup_steps + 1))')
    code.close()


def groups(plan: Plan) -> str:
    """The groups of parameters of all optimizers, as Python."""
    listed = [f"{name}.param_groups" for name in plan.optimizers]
    return listed[0] if len(listed) == 1 else " + ".join(listed)


def schedules(plan: Plan) -> tuple[str, ...]:
    """The names of the schedules, one for each optimizer."""
    return ("schedule",) if len(plan.optimizers) == 1 else tuple(f"{name}_schedule" for name in plan.optimizers)


def batch(plan: Plan) -> str:
    """The size of a batch, as Python."""
    return "BATCH_SIZE" if plan.config.run.batch_size else "len(x_train)"


def state_code(code: Code, plan: Plan) -> None:
    """What the loop keeps: generators, the weights that penalties act on, the average, the best epoch."""
    config, reg = plan.config, plan.config.regularization
    code.heading("training")
    if reg.l1 or reg.l2 or reg.weight_decay:
        scope = "" if reg.penalty_on == "all" else " if parameter.ndim >= 2"
        if scope:
            code.note("Matrices and filters, no biases.")
        code.add(f"penalized = [parameter for parameter in model.parameters(){scope}]")
    if reg.max_norm:
        code.add("matrices = [parameter for parameter in model.parameters() if parameter.ndim >= 2]")
    if config.run.average == "ema":
        plan.use("from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn")
        plan.constant("EMA_DECAY", config.run.ema_decay, "how slowly the averaged weights forget")
        code.add("follow = get_ema_multi_avg_fn(EMA_DECAY)")
        code.add("averaged = AveragedModel(model, multi_avg_fn=follow, use_buffers=True)")
    elif config.run.average == "swa":
        plan.use("from torch.optim.swa_utils import AveragedModel")
        plan.constant("SWA_START", config.run.swa_start, "share of the epochs after which the weights are averaged")
        code.add("averaged = AveragedModel(model, use_buffers=True)", "judged = model")
    if config.run.compile:
        code.add("compiled = torch.compile(model)")
    code.add(f"shuffle = torch.Generator().manual_seed({plan.seed})  # for the order of the batches alone")
    if reg.input_noise:
        plan.constant("INPUT_NOISE", reg.input_noise, "standard deviation of the noise on the inputs")
        generator = "torch.Generator(device)" if plan.has_device else "torch.Generator()"
        code.add(f"noise = {generator}.manual_seed((1 << 32) + {plan.seed})")
    if reg.mixup:
        plan.use("import numpy as np")
        plan.constant("MIXUP", reg.mixup, "both parameters of the Beta distribution of the shares")
        code.add(f"mixing = np.random.default_rng([2, {plan.seed}])")
    if plan.one_thread:
        code.add("torch.set_num_threads(1)  # the quickest for steps as small as these")
    code.add("history = []")
    if plan.keeps_best:
        start = "-math.inf" if mode(plan) == "max" else "math.inf"
        waited = ", waited" if config.early_stopping.enabled else ""
        code.add(f"best, best_epoch{waited} = {start}, 0{', 0' if waited else ''}")
        plan.use("import math")
    if config.early_stopping.diverged_above and config.early_stopping.enabled:
        code.add("first = math.inf")


def mode(plan: Plan) -> str:
    """Whether small or large values of what is monitored are good."""
    stopping = plan.config.early_stopping
    return MEASURES[stopping.monitor].mode if stopping.mode == "auto" else stopping.mode
