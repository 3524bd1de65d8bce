"""Exporting from the results: a menu of forms, a path, and the file written beside the screen."""

from __future__ import annotations

import asyncio
from pathlib import Path

from textual.screen import Screen

from engine.config import RunConfig
from engine.errors import NntuiError
from engine.runview import RunView

from ..exporting import FORMS, Form, export_run, forms_of
from ..paths import completed
from ..savefile import save_script
from ..text import clean
from .files import PathScreen
from .pick import Item, Menu


class Exporting(Screen[None]):
    """A screen with the results of a run. Subclasses have its view and its settings."""

    _view: RunView

    def _config(self) -> RunConfig | None:
        """The run's settings; None after a notification that they cannot be read."""
        raise NotImplementedError

    def action_export(self) -> None:
        """Ask for a form, where there is a choice, and for a file."""
        forms = forms_of(self._view.folder)
        if len(forms) == 1:
            self._ask_for_path(forms[0])
            return
        items = [Item(form.kind, form.about, f"a file called {form.suffix}", form) for form in forms]
        self.app.push_screen(Menu("Export", items), lambda form: self._ask_for_path(form) if form else None)

    def _ask_for_path(self, form: Form) -> None:
        name = "".join(char if char.isalnum() or char in "-_." else "-" for char in self._view.run)[:60] or "run"
        title = "Export a PyTorch script" if form is FORMS[0] else f"Export as {form.kind}"
        dialog = PathScreen(title, (form.suffix,), (), f"{name}{form.suffix}", new=True)
        self.app.push_screen(dialog, lambda path: self._export(path, form) if path else None)

    def _export(self, path: str, form: Form, overwrite: bool = False) -> None:
        config = self._config() if form is FORMS[0] else None
        if config is None and form is FORMS[0]:
            return
        if form is not FORMS[0]:
            self.notify(f"exporting as {form.kind}", markup=False, timeout=3)
        self.run_worker(
            self._write(completed(path, form.suffix), form, config, overwrite), group="export", exclusive=True
        )

    async def _write(self, path: str, form: Form, config: RunConfig | None, overwrite: bool) -> None:
        try:
            if config is not None:
                await asyncio.to_thread(save_script, path, config, overwrite)
            else:
                await asyncio.to_thread(export_run, self._view.folder, form, path, overwrite)
        except FileExistsError:
            items = [Item("no", about="leave it as it is", value=False), Item("yes", about="write into it", value=True)]
            menu = Menu(f"{clean(Path(path).name)} is there already; write into it?", items)
            self.app.push_screen(menu, lambda yes: self._export(path, form, True) if yes else None)
        except NntuiError as error:
            self._complain(str(error))
        except OSError as error:
            self._complain(f"{path}: {error.strerror or error}")
        else:
            how = f"; run it with python {clean(Path(path).name)}" if config is not None else ""
            self.notify(f"written: {clean(path, 300)}{how}", markup=False, timeout=6)

    def _complain(self, words: str) -> None:
        for line in words.splitlines()[:3]:
            self.notify(clean(line), severity="error", markup=False, timeout=10)
