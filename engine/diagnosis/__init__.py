"""What is going wrong in a run, judged from its numbers alone. Pure: histories in, findings out; no torch.

Each family of causes has a file. Every rule asks for two things at once: the change is statistically real, and it is large
enough to matter.
"""

from .doctor import Doctor
from .findings import Finding, Watch
from .overfitting import OverfittingWatch

__all__ = ["Doctor", "Finding", "OverfittingWatch", "Watch", "diagnose"]


def diagnose(*, train_loss: list[float], val_loss: list[float], lr: list[float] | None = None) -> list[Finding]:
    """The findings that hold at the end of a history.

    train_loss, val_loss: one value per epoch, the first is epoch 1. lr: the learning rate of each epoch, if known.
    Raises ValueError when the lengths differ.

    Example::

        from engine import diagnose
        falling = [1 / n for n in range(1, 31)]
        rising = [1 / n for n in range(1, 11)] + [0.1 + 0.01 * n for n in range(20)]
        [finding.began for finding in diagnose(train_loss=falling, val_loss=rising)]  # [11]
    """
    rates = lr if lr is not None else [0.0] * len(train_loss)
    if not len(train_loss) == len(val_loss) == len(rates):
        raise ValueError("train_loss, val_loss and lr need one value per epoch each")
    watch = OverfittingWatch()
    finding = None
    for epoch, (train, val, rate) in enumerate(zip(train_loss, val_loss, rates, strict=True), 1):
        finding = watch.update(epoch, train, val, rate)
    return [finding] if finding else []
