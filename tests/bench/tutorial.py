"""The loop of PyTorch's own tutorials: a DataLoader, a plain optimizer, and `.item()` wherever a number is wanted."""

from __future__ import annotations

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from .jobs import Job
from .stopwatch import Stopwatch, Times


def tutorial(job: Job) -> Times:
    """Train, and the time that the epochs took."""
    x, y, x_val, y_val = (part.cpu() for part in job.tensors())
    model = job.fresh()
    optimizer = job.optimizer(model.parameters())
    schedule = job.schedule(optimizer, job.epochs) if job.schedule else None
    criterion = nn.CrossEntropyLoss()
    training = DataLoader(TensorDataset(x, y), batch_size=job.batch_size, shuffle=True)
    validation = DataLoader(TensorDataset(x_val, y_val), batch_size=job.batch_size)
    history = []
    watch = Stopwatch()
    for _ in range(job.epochs):
        model.train()
        loss_sum, right = 0.0, 0
        for batch in training:
            inputs, target = (part.to(job.device) for part in batch)
            optimizer.zero_grad()
            output = model(inputs)
            loss = criterion(output, target)
            loss.backward()
            optimizer.step()
            loss_sum += loss.item() * len(target)
            right += (output.argmax(1) == target).sum().item()
        if schedule is not None:
            schedule.step()
        model.eval()
        val_sum, val_right = 0.0, 0
        with torch.no_grad():
            for batch in validation:
                inputs, target = (part.to(job.device) for part in batch)
                output = model(inputs)
                val_sum += criterion(output, target).item() * len(target)
                val_right += (output.argmax(1) == target).sum().item()
        history.append([loss_sum / len(x), right / len(x), val_sum / len(x_val), val_right / len(x_val)])
    return watch.read(history)
