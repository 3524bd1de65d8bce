"""Several apps at once on one folder of remembered things: none writes over another's."""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

import pytest
from support.screens import opened, press, told

from tui import kept
from tui.kept import Keeper, read


def kept_by(keeper: Keeper, seconds: int, **changes: object) -> Keeper:
    """Have it remember something, as if that had been so many seconds later."""
    keeper.keep(**changes)
    assert keeper._writer.finish(10) and keeper._file is not None
    os.utime(keeper._file, (seconds, seconds))
    return keeper


def test_two_apps_keep_a_draft_each_and_the_last_one_changed_comes_back(tmp_path):
    file = tmp_path / "state" / "setup.json"
    first = kept_by(Keeper(file), 1000, texts={"run.epochs": "1"}, theme="textual-light")
    second = Keeper(file)
    assert second.beside and not first.beside
    assert second.memory == first.memory, "it begins with a copy"
    kept_by(second, 2000, texts={"run.epochs": "2"})
    kept_by(first, 3000, texts={"run.epochs": "3"})
    assert read(file).texts == {"run.epochs": "3"}, "nobody else's"
    kept_by(second, 4000, texts={"run.epochs": "4"}, tables=("/b.csv",))
    third = Keeper(file)
    assert third.beside and third.memory.texts == {"run.epochs": "4"}
    for one in (third, first, second):
        one.finish()
    alone = Keeper(file)
    assert not alone.beside and alone.memory.texts == {"run.epochs": "4"}, "the last one changed"
    assert alone.memory.theme == "textual-light"
    kept_by(alone, 5000, texts={"run.epochs": "5"})
    alone.finish()
    assert read(file).texts == {"run.epochs": "5"} == Keeper(file).memory.texts


def test_files_used_in_either_app_are_remembered(tmp_path):
    file = tmp_path / "setup.json"
    first, second = Keeper(file), Keeper(file)
    first.used_table("/a.csv")
    kept_by(first, 1000)
    second.used_table("/b.csv")
    kept_by(second, 2000)
    first.finish(), second.finish()
    assert Keeper(file).memory.tables == ("/b.csv", "/a.csv")


def test_no_more_places_than_anybody_needs(tmp_path):
    keepers = [Keeper(tmp_path / "setup.json") for _ in range(kept.MOST_AT_ONCE + 1)]
    keepers[-1].keep(theme="textual-light")
    keepers[-1].finish()
    assert keepers[-1].beside and keepers[-1].memory.theme == "textual-light"
    assert not list(tmp_path.glob("*.json")), "the one too many remembers for as long as it runs"


@pytest.mark.parametrize("how", ["no locks here", "read only"])
def test_without_locks_it_is_as_if_alone(tmp_path, monkeypatch, how):
    def refuse(*_: object, **__: object) -> int:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse) if how == "no locks here" else monkeypatch.setattr(os, "open", refuse)
    keepers = [Keeper(tmp_path / "setup.json") for _ in range(2)]
    monkeypatch.undo()
    assert not any(one.beside for one in keepers)
    kept_by(keepers[1], 1000, theme="textual-light").finish()
    assert read(tmp_path / "setup.json").theme == "textual-light"


async def test_the_second_app_says_that_it_has_a_copy(tmp_path):
    file: Path = tmp_path / "setup.json"
    first = Keeper(file)
    first.keep(texts={"run.epochs": "7"})
    first._writer.finish(10)
    second = Keeper(file)
    async with opened(keeper=second, toasts=True) as pilot:
        await told(pilot, "another nntui is open", "a copy")
        assert pilot.app.screen.draft.text("run.epochs") == "7"
        await press(pilot, "X")
        await told(pilot, "all to the defaults")
    assert read(file).texts == {"run.epochs": "7"} and second.memory.texts == {}
    again = Keeper(file)
    assert again.memory.texts == {} and again._file == second._file, "its place is free again"
