"""Screens that break on purpose: a method of a widget that raises, in the real app with a real run under way.

`arm` is run in the app's process before it starts. The method raises once the process got SIGUSR2 (or from the start, where
there is no other way); the signal also sees to it that the method is called, on a widget that is there or that is then shown.
"""

from __future__ import annotations

import asyncio
import functools
import importlib
import inspect
import pkgutil
import signal
from collections.abc import Callable, Iterator
from typing import Any

from textual.screen import Screen
from textual.widget import Widget

import tui

WORDS = "broken on purpose"
BORN = ("compose", "on_mount", "on_resize")  # called when a screen comes up, before anything else could
DRAWING = ("render", "render_line", "compose")
HANDLERS = ("on_", "_on_", "action_", "watch_", "check_action", "show_view")


def widget_classes() -> list[type[Widget]]:
    """Every widget and screen of the app."""
    found: dict[str, type[Widget]] = {}
    for module in pkgutil.walk_packages(tui.__path__, "tui."):
        if module.name.endswith("__main__"):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, Widget) and value.__module__ == module.name:
                found[f"{module.name}.{name}"] = value
    return list(found.values())


def breakable() -> Iterator[tuple[str, str]]:
    """(class, method) of all that can be broken: what draws, and every handler that the class has itself."""
    for kind in widget_classes():
        name = f"{kind.__module__}.{kind.__qualname__}"
        own = [method for method in vars(kind) if method in DRAWING or method.startswith(HANDLERS)]
        for method in dict.fromkeys(["render_line", *own]):
            yield name, method


def arm(where: str, method: str) -> None:
    """Have a method of a widget class raise when SIGUSR2 comes."""
    from tui.app import NntuiApp

    module, _, name = where.rpartition(".")
    kind = getattr(importlib.import_module(module), name)
    armed = [name == "MonitorScreen" and method in BORN]
    original = getattr(kind, method)

    @functools.wraps(original)  # Textual looks at how many arguments a handler takes
    def broken(self: Any, *arguments: Any, **options: Any) -> Any:
        if armed[0]:
            raise RuntimeError(WORDS)
        return original(self, *arguments, **options)

    setattr(kind, method, broken)
    apps: list[NntuiApp] = []
    begin = NntuiApp.on_mount

    def on_mount(self: NntuiApp) -> None:
        begin(self)
        apps.append(self)
        loop = asyncio.get_running_loop()
        signal.signal(signal.SIGUSR2, lambda number, frame: loop.call_soon_threadsafe(trigger))

    def trigger() -> None:
        armed[0] = True
        apps[0].call_later(_show, apps[0], kind, method)

    NntuiApp.on_mount = on_mount  # type: ignore[method-assign]


async def _show(app: Any, kind: type[Widget], method: str) -> None:
    """Have `method` called as Textual calls it: by drawing, or from the widget's own message loop."""
    there = _instances([app.screen] if method in DRAWING else app.screen_stack, kind)
    if method in ("compose", "on_mount") or not there:
        await app.push_screen(_host(kind))
        there = _instances([app.screen], kind)
    for widget in there:
        widget.display = True
        widget.refresh(layout=True)
        if method not in DRAWING:
            widget.call_later(getattr(widget, method))
        elif isinstance(widget, Screen):  # what covers it all is not drawn itself
            widget.call_later(getattr(widget, method), 0)


def _instances(screens: list[Screen[Any]], kind: type[Widget]) -> list[Widget]:
    found: list[Widget] = []
    for screen in screens:
        found += [screen] if isinstance(screen, kind) else list(screen.query(kind))
    return found


def _host(kind: type[Widget]) -> Screen[Any]:
    """A screen that is a `kind`, or has one."""
    from support.previews import Answers

    from engine.comparing import comparison
    from engine.config import RunConfig
    from tui.looks import Look
    from tui.screens import (
        command,
        compare,
        dialogs,
        edit,
        faultlist,
        files,
        help,
        lr_find,
        monitor,
        pick,
        results,
        runs,
        setup,
    )
    from tui.source import ScriptedSource

    def comparing() -> Screen[Any]:
        return compare.CompareScreen([], Look(), lambda folders: comparison([]))

    menu = pick.Menu("menu", [pick.Item("one", "one"), pick.Item("two", "two")])

    makers: list[Callable[[], Screen[Any]]] = [
        help.HelpScreen,
        dialogs.ConfirmQuit,
        lambda: dialogs.AskEpochs(True),
        lambda: dialogs.ExplainScreen("text"),  # type: ignore[arg-type]
        lambda: edit.EditScreen(RunConfig()),
        lambda: runs.RunsScreen("runs", lambda folder: [], lambda folder, more: 0),
        lambda: lr_find.LrFindScreen(RunConfig(), find=lambda config: None),  # type: ignore[arg-type,return-value]
        lambda: monitor.MonitorScreen(ScriptedSource([], own=False), guest=True),
        lambda: command.CommandScreen(RunConfig()),
        lambda: results.ResultsScreen(monitor.MonitorScreen(ScriptedSource([], own=False), guest=True)),
        comparing,
        lambda: files.PathScreen("open", [".toml"]),
        lambda: files.ColumnScreen("nowhere.csv"),
        lambda: faultlist.FaultsScreen("x.toml", ["a: b"]),
        lambda: menu,
        lambda: setup.SetupScreen(Answers(), RunConfig()),
    ]
    if kind.__name__ == "Picker":
        return menu
    if issubclass(kind, Screen):
        for make in makers:
            screen = make()
            if isinstance(screen, kind):
                return screen
    if kind.__name__ == "PagePane":
        return comparing()
    if kind.__name__ in ("Entry", "PickList"):
        return menu
    if kind.__name__ in ("DatasetPane", "DatasetList", "DatasetCard"):
        screen = makers[-1]()
        screen._page = "data"  # type: ignore[attr-defined]  # which is not in sight at first where it is narrow
        return screen
    if kind.__module__.rpartition(".")[2] in ("datasets", "datasetpane", "form", "form_view", "preview", "keyline"):
        return makers[-1]()
    return monitor.MonitorScreen(ScriptedSource([], own=False), guest=True)
