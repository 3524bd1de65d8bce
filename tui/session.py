"""From a terminal to the app and back: what is around the screen, and what is left to do once it is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import EXIT_OK

from . import terminal
from .app import NntuiApp
from .garbage import Garbage
from .hangup import Watch
from .kept import Keeper, state_file

if TYPE_CHECKING:
    from engine.config import RunConfig

    from .savefile import OpenFile


def run_app(config: RunConfig | None, attach: Path | None = None, opened: OpenFile | None = None) -> int:
    """Open the app on this terminal, on a run's folder if one is given; returns the exit code once all is done.

    opened: the file that the settings came from, which they are saved to.

    The terminal is then as it was. What went on in a run that lost its screen is waited for here.
    """
    keeper = Keeper(state_file())
    with terminal.only_for_the_screen() as stray, Watch(stray.terminal).listening() as watch:
        app = NntuiApp(
            config,
            stray=stray,
            charset=terminal.charset(),
            colour=terminal.colour(),
            watch=watch,
            attach=attach,
            keeper=keeper,
            file=opened,
        )
        app.garbage = Garbage()
        code = None
        try:
            code = app.run()
        except asyncio.CancelledError:
            stray.terminal.rescue()  # cut short, see tui.shell
        except Exception as error:  # noqa: BLE001  -- whatever Textual raises on its way out, a run may still be under way
            app.break_down(error)
            stray.terminal.rescue()
        watch.screen_is_gone()
        from engine.runview import RunView

        from .leaving import farewell, outlive

        source = app.monitor.source if app.monitor is not None else None
        view = app.monitor.view if app.monitor is not None else RunView()
        if watch.lost or app.breakdown is not None:
            return outlive(source, view, watch, stray, app.breakdown)
        out = stray.terminal.write
        out(app.left.farewell() + app.parting)
        return EXIT_OK if app.parting else farewell(source, view, EXIT_OK if code is None else code, watch, out)
