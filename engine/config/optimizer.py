"""Knobs of the optimizer; most are arguments of torch's own, with torch's defaults."""

from __future__ import annotations

from typing import Literal

from .declare import Section, When, above_zero, knob, torch_knob


class OptimizerConfig(Section):
    """Optimizer"""

    name: Literal[
        "sgd", "adam", "adamw", "adamax", "nadam", "radam", "rmsprop", "rprop",
        "adagrad", "adadelta", "adafactor", "asgd", "lbfgs", "muon",
    ] = knob(
        "adam",
        label="optimizer",
        help="The rule that turns gradients into steps; each has its own fields. sgd: plain descent, with momentum. adam: adapts "
        "the step of each weight, a good first choice, and so do its relatives. rprop and lbfgs want full batches; muon "
        "orthogonalizes the steps of matrices.",
    )  # fmt: skip
    lr: float = torch_knob(
        "optimizers",
        "lr",
        label="learning rate",
        help="The size of a step. The knob that matters most: too large and the loss jumps or explodes, too small and "
        "nothing happens. Around 1e-3 for adam, 1e-2 to 1e-1 for sgd and 1 for adadelta and lbfgs is usual; `nntui lr-find` "
        "measures what suits.",
        log=True,
        gt=0.0,
        le=1e3,
        live="batch",
    )
    momentum: float = torch_knob(
        "optimizers",
        "momentum",
        ours={"sgd": 0.9},  # PyTorch's 0 is plain descent, which few want
        label="momentum",
        help="How much of the last step is carried into the next. 0.9 smooths the zigzag of stochastic descent and rolls "
        "over small bumps; 0 is plain descent, and close to 1 it overshoots.",
        ge=0.0,
        lt=1.0,
    )
    dampening: float = torch_knob(
        "optimizers",
        "dampening",
        label="dampening",
        help="How much the new gradient is weakened before it joins the momentum. 0 is usual; equal to the momentum it makes a "
        "running mean, whose steps are smaller, and at 1 new gradients stop counting at all.",
        when=above_zero("optimizer.momentum"),
        ge=0.0,
        le=1.0,
    )
    nesterov: bool = torch_knob(
        "optimizers",
        "nesterov",
        of=bool,
        label="Nesterov",
        help="Look ahead along the momentum before taking the gradient. Often a little faster than plain momentum, and "
        "needs momentum above 0 and no dampening.",
        when=[
            above_zero("optimizer.momentum"),
            When("optimizer.dampening", lambda value: value == 0, "dampening is 0"),
        ],
    )
    beta1: float = torch_knob(
        "optimizers",
        "beta1",
        label="beta 1",
        help="How slowly the running mean of the gradient forgets. 0.9 is nearly always right; 0 is no momentum, and close to 1 "
        "it overshoots.",
        ge=0.0,
        lt=1.0,
    )
    beta2: float = torch_knob(
        "optimizers",
        "beta2",
        label="beta 2",
        help="How slowly the running mean of the squared gradient forgets. Lower it to 0.95 or so when the loss spikes; too low "
        "and the steps become noisy.",
        ge=0.0,
        lt=1.0,
    )
    alpha: float = torch_knob(
        "optimizers",
        "alpha",
        label="alpha",
        help="In rmsprop, how slowly the running mean of the squared gradient forgets: 0.9 to 0.99 is usual. In asgd, the power "
        "with which the step shrinks over time: 0.75 is usual, and 0 never shrinks it.",
        ge=0.0,
        le=1.0,
    )
    rho: float = torch_knob(
        "optimizers",
        "rho",
        label="rho",
        help="How slowly the running means of squared gradients and squared steps forget. 0.9 to 0.95 is usual; too low and the "
        "steps become noisy, at 1 they never form.",
        ge=0.0,
        le=1.0,
    )
    eps: float = torch_knob(
        "optimizers",
        "eps",
        label="epsilon",
        help="Added where the step is divided by the size of the gradient, so that it never divides by zero. Leave it alone "
        "unless steps explode while gradients are tiny: then 1e-4 or more makes the optimizer calmer and more like sgd.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    weight_decay: float = torch_knob(
        "optimizers",
        "weight_decay",
        label="weight decay",
        help="Pulls all weights and biases towards 0; too much underfits. adamw, muon and adafactor shrink them by lr * decay a "
        "step, apart from the gradient: 0.01 to 0.1 is usual. The others add it to the gradient, like L2, unless decoupled: 1e-5 "
        "to 1e-3 is usual.",
        log=True,
        ge=0.0,
        le=100.0,
        live="batch",
    )
    decoupled_weight_decay: bool = torch_knob(
        "optimizers",
        "decoupled_weight_decay",
        of=bool,
        label="decoupled decay",
        help="Shrink the weights apart from the gradient, as adamw does, in place of adding the decay to the gradient. Then the "
        "adaptive step does not rescale it, and the same decay acts alike on all weights.",
        when=above_zero("optimizer.weight_decay"),
    )
    amsgrad: bool = torch_knob(
        "optimizers",
        "amsgrad",
        of=bool,
        label="AMSGrad",
        help="Divide by the largest running mean of the squared gradient so far, so that steps never grow again. Try it when "
        "adam circles near the end without settling; it often makes no difference.",
    )
    momentum_decay: float = torch_knob(
        "optimizers",
        "momentum_decay",
        label="momentum decay",
        help="How fast the momentum warms up to beta 1 over the first steps. 0.004 is PyTorch's and Keras's choice; 0 starts at half "
        "of beta 1 and stays there.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    centered: bool = torch_knob(
        "optimizers",
        "centered",
        of=bool,
        label="centered",
        help="Divide by the spread of the gradient in place of its size. Sometimes steadier, at the cost of one more running "
        "mean per weight; nearly constant gradients then make very large steps.",
    )
    eta_minus: float = torch_knob(
        "optimizers",
        "eta_minus",
        label="shrink factor",
        help="What the step of a weight is multiplied by when its gradient changes sign: it has jumped over a minimum. 0.5 is "
        "usual; close to 1 it keeps jumping to and fro.",
        gt=0.0,
        lt=1.0,
    )
    eta_plus: float = torch_knob(
        "optimizers",
        "eta_plus",
        label="growth factor",
        help="What the step of a weight is multiplied by when its gradient keeps its sign. 1.2 is usual; much more overshoots.",
        gt=1.0,
        le=100.0,
    )
    step_min: float = torch_knob(
        "optimizers",
        "step_min",
        label="smallest step",
        help="The step of a weight never becomes smaller than this. It is how finely a minimum is found in the end; 1e-6 is "
        "usual.",
        log=True,
        ge=0.0,
        le=1e6,
    )
    step_max: float = torch_knob(
        "optimizers",
        "step_max",
        label="largest step",
        help="The step of a weight never becomes larger than this. 50 hardly ever matters; lower it when the loss explodes.",
        log=True,
        gt=0.0,
        le=1e6,
    )
    lr_decay: float = torch_knob(
        "optimizers",
        "lr_decay",
        label="rate decay",
        help="Divides the learning rate by 1 + lr_decay * steps done. adagrad's steps shrink by themselves, so 0 is usual; with "
        "1e-2 the rate is halved after 100 steps.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    initial_accumulator_value: float = torch_knob(
        "optimizers",
        "initial_accumulator_value",
        label="initial sum",
        help="What the sum of squared gradients starts from. Above 0, such as 0.1, the very first steps are smaller; 0 makes them "
        "as large as the learning rate.",
        ge=0.0,
        le=1e6,
    )
    lambd: float = torch_knob(
        "optimizers",
        "lambd",
        label="lambda",
        help="How fast the step shrinks over time, and how strongly weights are pulled towards 0: the step is "
        "lr / (1 + lambda * lr * t) ^ alpha. 1e-4 is usual; much more and training stops too soon.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    beta2_decay: float = torch_knob(
        "optimizers",
        "beta2_decay",
        label="beta 2 decay",
        help="The running mean of the squared gradient forgets with 1 - step ^ this, so more slowly as the run goes on. -0.8 is "
        "the paper's choice; 0 looks at the newest gradient alone.",
        ge=-10.0,
        le=0.0,
    )
    eps1: float = torch_knob(
        "optimizers",
        "eps1",
        label="epsilon 1",
        help="The least squared gradient, so that nothing is divided by zero. 0 takes the precision of the numbers, about 1e-7, "
        "and is nearly always right.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    eps2: float = torch_knob(
        "optimizers",
        "eps2",
        label="epsilon 2",
        help="The least size that a weight matrix is taken to have: adafactor's steps are relative to it. 1e-3 is usual; smaller, "
        "and weights that start at zero hardly move.",
        log=True,
        ge=0.0,
        le=100.0,
    )
    d: float = torch_knob(
        "optimizers",
        "d",
        label="clip update",
        help="Scale the update of a matrix down when its root mean square exceeds this. 1 is the paper's choice; larger values "
        "let sudden large steps through.",
        ge=1.0,
        le=1e6,
    )
    max_iter: int = torch_knob(
        "optimizers",
        "max_iter",
        of=int,
        label="inner iterations",
        help="How many iterations lbfgs makes in each step, that is in each epoch. 20 is usual; more take longer per epoch and "
        "need fewer epochs.",
        ge=1,
        le=10_000,
    )
    max_eval: int = torch_knob(
        "optimizers",
        "max_eval",
        of=int,
        label="inner evaluations",
        help="How often at most the loss is computed in each step. 0 takes 5/4 of the inner iterations, as PyTorch does; a line "
        "search may need more.",
        ge=0,
        le=100_000,
    )
    tolerance_grad: float = torch_knob(
        "optimizers",
        "tolerance_grad",
        label="gradient tolerance",
        help="A step ends early when no entry of the gradient is larger than this. 1e-7 is usual; larger values stop before "
        "the minimum, 0 never for this reason.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    tolerance_change: float = torch_knob(
        "optimizers",
        "tolerance_change",
        label="change tolerance",
        help="A step ends early when neither loss nor weights change by more than this. 1e-9 is usual; larger values stop before "
        "the minimum.",
        log=True,
        ge=0.0,
        le=1.0,
    )
    history_size: int = torch_knob(
        "optimizers",
        "history_size",
        of=int,
        label="history",
        help="How many past steps the picture of the curvature is made from. 5 to 100 is usual; each takes twice the memory of the "
        "weights.",
        ge=1,
        le=10_000,
    )
    line_search_fn: Literal["none", "strong_wolfe"] = torch_knob(
        "optimizers",
        "line_search_fn",
        of=str,
        label="line search",
        help="none takes each step with the learning rate as it is, which can diverge. strong_wolfe tries step sizes until the "
        "loss falls enough (the strong Wolfe conditions): slower per step and much safer.",
    )
    ns_steps: int = torch_knob(
        "optimizers",
        "ns_steps",
        of=int,
        label="orthogonal steps",
        help="How many iterations make the momentum of a matrix orthogonal. 5 is usual; fewer leave it uneven, more only cost time.",
        ge=1,
        lt=100,
    )
    ns_a: float = torch_knob(
        "optimizers",
        "ns_a",
        label="Newton-Schulz a",
        help="The linear coefficient of each orthogonalizing iteration a x + b x^3 + c x^5. The defaults were tuned together; "
        "change all three or none, or the iteration diverges.",
        ge=-100.0,
        le=100.0,
    )
    ns_b: float = torch_knob(
        "optimizers",
        "ns_b",
        label="Newton-Schulz b",
        help="The cubic coefficient of each orthogonalizing iteration a x + b x^3 + c x^5. The defaults were tuned together; "
        "change all three or none, or the iteration diverges.",
        ge=-100.0,
        le=100.0,
    )
    ns_c: float = torch_knob(
        "optimizers",
        "ns_c",
        label="Newton-Schulz c",
        help="The quintic coefficient of each orthogonalizing iteration a x + b x^3 + c x^5. The defaults were tuned together; "
        "change all three or none, or the iteration diverges.",
        ge=-100.0,
        le=100.0,
    )
    adjust_lr_fn: Literal["original", "match_rms_adamw"] = torch_knob(
        "optimizers",
        "adjust_lr_fn",
        of=str,
        # PyTorch's default is original, under which no single rate suits both muon's matrices and the biases that adamw steps.
        ours={"muon": "match_rms_adamw"},
        label="rate of matrices",
        help="How the learning rate is scaled for each matrix. match_rms_adamw makes the steps as large as adamw's, so one rate "
        "suits the matrices and the biases, which adamw steps. original wants a rate 10 to 20 times as large, too large for biases.",
    )
    extra: str = knob(
        "",
        label="extra options",
        help="Options that the installed PyTorch has and this form does not, as name=value, name=value. They go to the optimizer "
        "as they are; a name that it does not know is refused when the run starts.",
        max_length=1000,
    )
    clip_norm: float = knob(
        0.0,
        label="clip norm",
        help="Scale the gradient down when its norm exceeds this, 0 for never. Tames exploding gradients; 1 to 5 is "
        "usual, and a value that always bites is a smaller learning rate in disguise.",
        log=True,
        ge=0.0,
        le=1e6,
        live="batch",
    )
    clip_value: float = knob(
        0.0,
        label="clip value",
        help="Cut each single entry of the gradient off at plus and minus this, 0 for never. Cruder than clip norm, since it "
        "turns the direction of the step; 0.1 to 1 is usual, and a tiny value leaves little but the signs. When both are "
        "set, the values are cut first.",
        log=True,
        ge=0.0,
        le=1e6,
        live="batch",
    )
