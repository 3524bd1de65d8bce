"""What takes a person out of the setup screen and back: files opened and saved, a menu of samples, a script, the command line.

Files are read and written in threads of their own; what came of it arrives as a message.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from textual.message import Message
from textual.screen import Screen

from engine.config import RunConfig
from engine.data.catalogue import FILE_SUFFIXES, card, is_called
from engine.errors import InputError, NntuiError
from engine.knobs import knob_by_key
from engine.presets import Preset, presets
from engine.samples import about, samples
from engine.saving import FileChangedError

from ..changes import between
from ..faults import to_mend
from ..kept import Keeper
from ..paths import completed, source_of
from ..savefile import Faulty, OpenFile, open_config, open_faulty, save_config, save_script
from ..text import clean
from .command import CommandScreen
from .dialogs import ChangedScreen
from .faultlist import FaultsScreen
from .files import ColumnScreen, PathScreen, TextScreen, folder_words, inputs_of, look_at_config, look_at_table
from .pick import Item, Menu

if TYPE_CHECKING:
    from engine.data.columns import Columns

    from .setup import SetupScreen


@dataclass(frozen=True, slots=True)
class Sample:
    """A sample configuration, chosen in the menu."""

    name: str
    path: Path


class Errands:
    """The errands of one setup screen."""

    class Done(Message):
        """A file was read or written, or not. then: what is left to do on the screen's own thread."""

        def __init__(self, then: Callable[[], object]) -> None:
            super().__init__()
            self.then = then

    def __init__(self, screen: SetupScreen, keeper: Keeper, file: OpenFile | None = None) -> None:
        """file: the one that the settings on the screen came from."""
        self._screen = screen
        self._keeper = keeper
        self.path = ""  # of the TOML file that the settings came from or were saved to last
        self._texts: dict[str, str] = {}  # what the TOML files said when they were read or written here last
        self._saving = threading.Lock()  # one save at a time: the next one has to know what the one before has written
        if file is not None:
            self._know(file)

    # -- data files ---------------------------------------------------------------------------------------------------

    def open_table(self, typed: str = "") -> None:
        """Ask for a data file and then for its target. typed: what was typed as its path before."""
        if is_called(typed):
            self._table_chosen(typed)
            return
        source = self._screen.draft.text("data.source")
        text = typed or (source if card(source) is None else "")
        recent = self._keeper.memory.tables
        title = "Open a data file or a folder"
        dialog = PathScreen(
            title, FILE_SUFFIXES, recent, text, probe=look_at_table, typed=bool(typed), folder_words=folder_words
        )
        self._screen.app.push_screen(dialog, self._table_chosen)

    def _table_chosen(self, path: str | None) -> None:
        if not path:
            return
        if is_called(path):  # what the code is called with is asked for next
            self._screen.put({"data.source": path, "data.arguments": ""}, "data.arguments")
            return
        full = source_of(path)
        dialog = ColumnScreen(full, self._screen.draft.text("data.target"))

        def picked(target: str | None) -> None:
            if target is None:
                self.open_table(path)
            else:
                self._target_chosen(full, target, dialog.columns)

        self._screen.app.push_screen(dialog, picked)

    def pick_target(self) -> None:
        """Ask for the target of the file that is the dataset now."""
        source = self._screen.draft.text("data.source")
        dialog = ColumnScreen(source, self._screen.draft.text("data.target"))
        self._screen.app.push_screen(dialog, lambda target: self._target_chosen(source, target, dialog.columns))

    def pick_text(self) -> None:
        """Ask for the column of the texts."""
        dialog = TextScreen(self._screen.draft.text("data.source"), self._screen.draft.text("data.text"))
        self._screen.app.push_screen(dialog, self._text_chosen)

    def _text_chosen(self, name: str | None) -> None:
        if name is not None:
            self._screen.put({"data.text": name}, "data.text")

    def _target_chosen(self, source: str, target: str | None, columns: Columns | None) -> None:
        """columns: of the file, when they could be read: those that no run could use are left out at once, which the form shows."""
        if target is None:
            return
        self._keeper.used_table(source)
        chosen = {"data.source": source, "data.target": target}
        if source != self._screen.draft.text("data.source"):  # the names belong to another file
            more, words = inputs_of(columns, target)
            chosen |= more
            if words:
                self._say(words)
        self._screen.put(chosen, "data.target" if target else "data.source")

    # -- configurations -----------------------------------------------------------------------------------------------

    def menu(self) -> None:
        """Presets, and the samples that come with nntui."""
        heading = "presets: some fields are set, the others stay"
        kinds = [Item(one.name, one.about.partition(": ")[0], one.about, one, heading=heading) for one in presets()]
        self._screen.app.push_screen(Menu("Presets and samples", [*kinds, *_sample_items()]), self.take)

    def take(self, value: Any) -> None:
        """Put a preset into the form, or open a sample."""
        if isinstance(value, Preset):
            before = self._screen.draft.texts()
            self._screen.put(value.settings)
            words = between(before, self._screen.draft.texts())
            self._say(f"{value.name}: {words}; u takes it back" if words else f"{value.name}: as it was")
        elif isinstance(value, Sample):
            self.open_config(str(value.path), sample=True)

    def ask_for_config(self) -> None:
        """Ask for a TOML file and open it."""
        dialog = PathScreen("Open settings (TOML)", (".toml",), self._keeper.memory.configs, probe=look_at_config)
        self._screen.app.push_screen(dialog, lambda path: self.open_config(path) if path else None)

    def open_config(self, path: str, sample: bool = False) -> None:
        """Put the settings of a TOML file into the form."""

        def job() -> Callable[[], object]:
            try:
                config, file = open_config(path)
            except InputError as error:
                return self._half_open(path, error)
            return lambda: self._opened(path, config, None if sample else file)

        self._do(job)

    def _know(self, file: OpenFile) -> None:
        """From now on it is the file that the settings are saved to."""
        self.path = file.path
        self._texts[_full(file.path)] = file.text
        self._keeper.used_config(file.path)

    def _opened(self, path: str, config: RunConfig, file: OpenFile | None) -> None:
        self.path = ""
        if file is not None:
            self._know(file)
        self._screen.load(config)
        self._say(f"{clean(Path(path).name)} is open; u takes it back")

    def _half_open(self, path: str, refused: InputError) -> Callable[[], object]:
        """What is left to do about a file with faults: to put into the form what it says all the same. In a thread."""
        try:
            faulty = open_faulty(path)
        except InputError:  # nothing at all
            lines = [fault.line() for fault in refused.faults]
            return lambda: self._screen.app.push_screen(FaultsScreen(f"{clean(Path(path).name)} cannot be used", lines))
        return lambda: self._opened_faulty(path, faulty)

    def _opened_faulty(self, path: str, faulty: Faulty) -> None:
        self.path = ""
        if faulty.file is not None:
            self._know(faulty.file)
        name, lines = clean(Path(path).name), [fault.line() for fault in faulty.left_out]
        self._screen.load_texts(faulty.texts)
        mend = to_mend(len(self._screen.draft.wrong))
        self._say(", ".join(filter(None, [f"{name} is open", mend, "u takes it back"])))
        if lines:
            title = f"{name}: {len(lines)} {'lines have' if len(lines) > 1 else 'line has'} no place in the form"
            unknown = any(fault.key not in knob_by_key() for fault in faulty.left_out)
            words = "The rest is there." + (
                " It can be saved here once the unknown names are out of it." if unknown else ""
            )
            self._screen.app.push_screen(FaultsScreen(title, lines, words))

    def save(self) -> None:
        """Save to the file known already; ask for one if there is none."""
        config = self._screen.checked()
        if config is not None and self.path:
            self._save(self.path, config, overwrite=True)
        elif config is not None:
            self.save_as()

    def save_as(self) -> None:
        """Ask for a file and save to it."""
        config = self._screen.checked()
        if config is not None:
            name = self.path or f"{_file_name(config)}.toml"
            dialog = PathScreen("Save settings (TOML)", (".toml",), self._keeper.memory.configs, name, new=True)
            self._screen.app.push_screen(
                dialog, lambda path: self._save(path, config, path == self.path) if path else None
            )

    def _save(self, path: str, config: RunConfig, overwrite: bool) -> None:
        full = completed(path, ".toml")
        base = self._texts.get(_full(self.path)) if self.path else None

        def write(again: bool) -> None:
            with self._saving:
                self._texts[_full(full)] = save_config(full, config, again, self._texts.get(_full(full)), base)

        self._write(full, overwrite, write, lambda: self._saved(full))

    def _saved(self, path: str) -> None:
        self.path = path
        self._keeper.used_config(path)
        self._screen.show_title()
        self._say(f"saved in {clean(path)}")

    # -- the same run elsewhere ---------------------------------------------------------------------------------------

    def show_command(self) -> None:
        """The command line that trains the same."""
        config = self._screen.checked()
        if config is not None:
            self._screen.app.push_screen(CommandScreen(config), lambda wanted: self.export() if wanted else None)

    def export(self) -> None:
        """Ask for a file and write a script of plain PyTorch to it."""
        config = self._screen.checked()
        if config is not None:
            dialog = PathScreen("Export a PyTorch script", (".py",), (), f"{_file_name(config)}.py", new=True)
            self._screen.app.push_screen(dialog, lambda path: self._export(path, config, False) if path else None)

    def _export(self, path: str, config: RunConfig, overwrite: bool) -> None:
        full = completed(path, ".py")
        done = lambda: self._say(f"written: {clean(full)}; run it with python {clean(Path(full).name)}")  # noqa: E731
        self._write(full, overwrite, lambda again: save_script(full, config, again), done)

    # -- threads ------------------------------------------------------------------------------------------------------

    def _write(self, path: str, overwrite: bool, write: Callable[[bool], None], done: Callable[[], object]) -> None:
        def job() -> Callable[[], object]:
            try:
                write(overwrite)
            except FileExistsError:
                return lambda: self._ask_before(path, write, done)
            except FileChangedError as error:
                found = error.text
                return lambda: self._ask_again(path, found, write, done)
            except NntuiError as error:
                text = str(error)
                return lambda: self._complain(text)
            except OSError as error:
                text = f"{path}: {error.strerror or error}"
                return lambda: self._complain(text)
            return done

        self._do(job)

    def _ask_before(self, path: str, write: Callable[[bool], None], done: Callable[[], object]) -> None:
        items = [Item("no", about="leave it as it is", value=False), Item("yes", about="write into it", value=True)]
        menu = Menu(f"{clean(Path(path).name)} is there already; write into it?", items)
        self._screen.app.push_screen(menu, lambda yes: self._write(path, True, write, done) if yes else None)

    def _ask_again(self, path: str, found: str, write: Callable[[bool], None], done: Callable[[], object]) -> None:
        def answered(yes: bool | None) -> None:
            if yes:
                self._texts[_full(path)] = found  # which is known now; a further change is asked about anew
                self._write(path, True, write, done)

        if not isinstance(
            self._screen.app.screen, ChangedScreen
        ):  # else it was saved twice before the question was there
            self._screen.app.push_screen(ChangedScreen(clean(Path(path).name)), answered)

    def _do(self, job: Callable[[], Callable[[], object]]) -> None:
        """Run `job` in a thread; what it returns is then done here."""
        work = lambda: self._screen.post_message(self.Done(job()))  # noqa: E731
        threading.Thread(target=work, name="nntui-file", daemon=True).start()

    def _say(self, words: str) -> None:
        self._screen.say(words)

    def _complain(self, words: str) -> None:
        for line in words.splitlines()[:3]:
            self._screen.notify(clean(line), severity="error", markup=False, timeout=10)


class ErrandScreen(Screen[None]):
    """A screen whose keys lead to its errands."""

    errands: Errands

    def action_open_table(self) -> None:
        self.errands.open_table()

    def action_menu(self) -> None:
        self.errands.menu()

    def action_save(self) -> None:
        self.errands.save()

    def action_save_as(self) -> None:
        self.errands.save_as()

    def action_open(self) -> None:
        self.errands.ask_for_config()

    def action_command(self) -> None:
        self.errands.show_command()

    def action_export(self) -> None:
        self.errands.export()


def _full(path: str) -> str:
    """One name for a file, however it was typed."""
    return os.path.abspath(os.path.expanduser(path))


def _sample_items() -> list[Item]:
    heading = "samples: all fields are set"
    told = [(name, path, clean(about(path), 1000)) for name, path in samples().items()]
    return [
        Item(name, words.partition(". ")[0], words, Sample(name, path), heading=heading) for name, path, words in told
    ]


def _file_name(config: RunConfig) -> str:
    """A name for a file with these settings: the run's, or that of its dataset."""
    name = config.run.name or Path(config.data.source).stem
    kept = "".join(char if char.isalnum() or char in "-_." else "-" for char in name).strip("-.")
    return kept[:60] or "settings"
