"""The loop of somebody who knows PyTorch well and wants to be fast.

The data lies on the device, there is one permutation an epoch, the optimizer is torch's fused one, losses and right answers
are summed on the device, and an epoch costs one transfer to the host. It measures loss and accuracy on both parts, no more.
"""

from __future__ import annotations

import torch
from torch import nn

from .jobs import Job
from .stopwatch import Stopwatch, Times


def careful(job: Job) -> Times:
    """Train, and the time that the epochs took."""
    x, y, x_val, y_val = job.tensors()
    model = job.fresh()
    optimizer = job.fused(model.parameters())
    schedule = job.schedule(optimizer, job.epochs) if job.schedule else None
    criterion = nn.CrossEntropyLoss()
    device, rows = x.device, len(x)
    history = []
    watch = Stopwatch()
    for _ in range(job.epochs):
        model.train()
        order = torch.randperm(rows, device=device)
        loss_sum, right = torch.zeros((), device=device), torch.zeros((), device=device)
        for start in range(0, rows, job.batch_size):
            chosen = order[start : start + job.batch_size]
            inputs, target = x[chosen], y[chosen]
            optimizer.zero_grad(set_to_none=True)
            output = model(inputs)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
            loss_sum += loss.detach() * len(target)
            right += (output.argmax(1) == target).sum()
        if schedule is not None:
            schedule.step()
        model.eval()
        with torch.inference_mode():
            output = model(x_val)
            val_loss, val_right = criterion(output, y_val), (output.argmax(1) == y_val).sum()
        history.append(torch.stack([loss_sum / rows, right / rows, val_loss, val_right / len(x_val)]).tolist())
    return watch.read(history)
