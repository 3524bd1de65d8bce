"""Knobs of the run as a whole: how long, where, with what precision, what is recorded."""

from __future__ import annotations

from typing import Literal

from .declare import Section, When, above_zero, chosen, knob, switched_on


class RunSettings(Section):
    """Run"""

    epochs: int = knob(
        50,
        label="epochs",
        help="How often the run goes through the training data at the most. Early stopping may end it sooner.",
        unit="epochs",
        ge=1,
        le=1_000_000,
        live="batch",
    )
    batch_size: int = knob(
        32,
        label="batch size",
        help="Samples per step, 0 for the whole training set (batch descent), 1 for stochastic descent. Small batches "
        "are noisy, which can help; large ones are faster on a GPU. 16 to 256 is usual.",
        unit="samples",
        log=True,
        ge=0,
        live="epoch",
    )
    accumulate: int = knob(
        1,
        label="accumulate",
        help="Add up the gradients of this many batches before each step: the step of one large batch in the memory of a "
        "small one. Dropout and batch norm still see the small batches. 1 steps after every batch; more than there are "
        "batches in an epoch is one step per epoch.",
        unit="batches",
        when=When("run.batch_size", lambda value: value != 0, "run.batch_size is not 0"),
        ge=1,
        le=1_000_000,
    )
    seed: int = knob(
        0,
        label="seed",
        help="The seed of the initial weights, the order of the batches and dropout. Another seed is a random restart: "
        "it shows how much of a result is luck.",
        ge=0,
        le=2**31 - 1,
    )
    device: Literal["auto", "cuda", "mps", "cpu"] = knob(
        "auto",
        label="device",
        help="Where to train. auto takes a CUDA GPU, then Apple's, then the CPU.",
    )
    devices: int = knob(
        1,
        label="devices",
        help="How many processes of this machine train together, each on a CUDA GPU of its own or on a share of the CPU's cores. "
        "Every batch is divided among them, so that the batch size stays what it is; folds and restarts go to a process each "
        "where that keeps most of them at work.",
        unit="processes",
        ge=1,
        le=1024,
    )
    precision: Literal["float32", "bfloat16", "float16"] = knob(
        "float32",
        label="precision",
        help="The number format of the training step's products; weights, validation and test stay in float32. bfloat16 is "
        "about twice as fast on recent GPUs and safe. float16 is for older CUDA GPUs: its small range needs the loss to be "
        "scaled, and steps that overflow are skipped.",
    )
    compile: bool = knob(
        False,
        label="compile",
        help="Translate the model with torch.compile before training. It takes half a minute the first time and pays in "
        "long runs of large nets; small nets often get slower. The numbers differ in the last digits, and dropout draws "
        "others.",
    )
    average: Literal["none", "ema", "swa"] = knob(
        "none",
        label="average weights",
        help="Judge, test and save an average of the weights instead of the last ones, which smooths out the noise of the steps. "
        "ema: an average that forgets, taken at every step. swa: the plain mean over the last epochs, best with a learning "
        "rate that stays up until the end.",
    )
    ema_decay: float = knob(
        0.999,
        label="EMA decay",
        help="How slowly the averaged weights forget: they look back over about 1 / (1 - decay) steps. 0.99 to 0.9999 is usual; "
        "0 is no average at all, and in a short run a value close to 1 stays at the initial weights.",
        when=chosen("run.average", "ema"),
        ge=0.0,
        lt=1.0,
    )
    swa_start: float = knob(
        0.75,
        label="SWA start",
        help="The share of the epochs after which averaging begins. 0.5 to 0.8 is usual: too early and the average holds weights "
        "that had not learned yet, too late and it is a mean of very few. Early stopping may end the run before.",
        when=chosen("run.average", "swa"),
        ge=0.0,
        lt=1.0,
    )
    train_eval: Literal["auto", "on", "off"] = knob(
        "auto",
        label="train loss",
        help="Measure the training loss after each epoch as validation does, with dropout off and the final weights, instead of "
        "averaging it over the steps. Otherwise the gap between the curves lies. auto does so with dropout, noise, mixup, "
        "label smoothing, a penalty or averaged weights; it costs one forward pass over the training data.",
    )
    checkpoints: int = knob(
        2,
        label="checkpoints kept",
        help="How many of the latest checkpoints to keep beside the best one; 0 saves none. A checkpoint holds everything that "
        "training needs to go on as if it had never stopped: without one, a run that is killed is lost.",
        ge=0,
        le=1000,
    )
    checkpoint_pause: float = knob(
        1.0,
        label="least pause",
        help="Checkpoints are saved after an epoch, but not more often than this; 0 saves after every epoch, however short. It is "
        "the most training time that a crash can cost when epochs are short.",
        unit="s",
        when=above_zero("run.checkpoints"),
        ge=0.0,
        le=86400.0,
    )
    checkpoint_minutes: float = knob(
        5.0,
        label="save every",
        help="Save in the middle of an epoch as well when it takes longer than this; 0 waits for its end. 2 to 15 is usual: it is the "
        "most training time that a crash can cost when epochs are long.",
        unit="min",
        when=above_zero("run.checkpoints"),
        ge=0.0,
        le=1440.0,
    )
    name: str = knob(
        "",
        label="run name",
        help="A name for the run's folder. Empty, it is made from the dataset and the model.",
        max_length=60,
    )
    folder: str = knob(
        "runs",
        label="runs folder",
        help="Where run folders are written, each with its settings, its journal and its TensorBoard log.",
        min_length=1,
    )
    tensorboard: bool = knob(
        True,
        label="TensorBoard",
        help="Write every curve to a TensorBoard log in the run's folder: `tensorboard --logdir runs` shows it.",
    )
    histograms: int = knob(
        10,
        label="histograms every",
        help="Write histograms of the weights and gradients to the TensorBoard log after the first epoch and every so many "
        "epochs, 0 for never. They show layers that stand still or run away; 1 to 20 is usual. With many layers and short "
        "epochs a small number costs time and disk.",
        unit="epochs",
        when=switched_on("run.tensorboard"),
        ge=0,
        le=1_000_000,
    )
    figures: bool = knob(
        True,
        label="figures",
        help="Draw figures into the TensorBoard log at the end of a run: errors by epoch with their under- and overfitting "
        "sides, the learning rates, the confusion matrix, pictures with their answers. It takes a second or two per trial; "
        "turn it off for hundreds of short ones.",
        when=switched_on("run.tensorboard"),
    )
    alert: Literal["off", "bell", "osc9"] = knob(
        "off",
        label="alert",
        help="Call the person at the terminal when the run has ended or something is certain to be wrong with it: bell rings, osc9 "
        "shows a notification where the terminal knows them (iTerm2, kitty, WezTerm, Windows Terminal, Ghostty; in tmux with "
        "allow-passthrough). A stop that was asked for calls nobody.",
    )
    alert_command: str = knob(
        "",
        label="alert command",
        help="A shell command to run at the same moments, in the run's folder: it works without a terminal as well, for "
        "example to send a message. It finds NNTUI_RUN (the folder), NNTUI_REASON and NNTUI_MESSAGE in its environment, "
        "prints to run.log and has 30 seconds.",
        max_length=2000,
    )
