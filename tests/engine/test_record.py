"""What a run's journal tells the process that takes it up again."""

from __future__ import annotations

from engine import events as e
from engine.facts import Change
from engine.record import Record


def edit(number: int, epoch: int, after: str = "0.1") -> e.KnobsChanged:
    change = Change("optimizer.lr", "0.2", after)
    return e.KnobsChanged(number=number, epoch=epoch, batch=1, changes=(change,), planned=9, config={})


def rewound(epochs: int, edits: int = 0, why: str = "resumed") -> e.Rewound:
    return e.Rewound(
        epochs=epochs, batch=0, best_epoch=1, best_loss=1.0, planned=9, config={}, edits=edits, why=why  # type: ignore[arg-type]
    )  # fmt: skip


def fold(*events: e.Event) -> Record:
    record = Record()
    for event in events:
        record.apply(event)
    return record


def test_edits_that_a_lost_process_made_are_to_be_made_again():
    assert [one.epoch for one in fold(edit(1, 3), edit(2, 4), rewound(2)).to_make()] == [3, 4]
    assert [one.epoch for one in fold(edit(1, 3), edit(2, 4), rewound(3, 1)).to_make(1)] == [4]


def test_lost_again_before_the_last_of_them_was_made_again_none_is_forgotten():
    """Without the checkpoint from before the second edit, both wait at once."""
    assert [one.epoch for one in fold(edit(1, 3), edit(2, 4), rewound(2), edit(1, 3)).to_make()] == [3, 4]


def test_another_edit_in_their_stead_ends_those_behind_it():
    assert [one.epoch for one in fold(edit(1, 3), edit(2, 4), rewound(2), edit(1, 3, "0.5")).to_make()] == [3]


def test_an_edit_that_was_taken_back_is_not_made_again():
    assert fold(edit(1, 3), rewound(2, why="reverted")).to_make() == []


def test_a_test_that_was_told_of_stays_known_until_training_is_taken_back_behind_it():
    """Its figures stand in the TensorBoard log, and must not be written a second time."""
    test = e.TestMeasured(epoch=4, loss=1.0, metric=0.5, baseline=0.1)
    known = fold(test, rewound(6), rewound(5)).view.test
    assert known is not None and known.epoch == 4
    assert fold(test, rewound(3)).view.test is None
