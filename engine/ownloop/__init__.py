"""A training loop that a person wrote themselves, in any framework, watched as if it were one of ours.

Three lines make a run folder of it, with a journal that any screen can follow, findings, and keys that stop it::

    with engine.monitor("name", max_epochs=50) as run:
        for epoch in range(1, 51):
            ...
            run.log(epoch, train_loss=train_loss, val_loss=val_loss, lr=lr)
            if run.should_stop:
                break

Nothing here imports torch.
"""
