"""The console script: plain `nntui` on a terminal opens the app at once, everything else goes through the command line's parser.

The parser and what it needs take as long to import as the app takes to show that it is there.
"""

from __future__ import annotations

import sys

from engine.errors import EXIT_FAILED, EXIT_INTERRUPTED
from engine.signals import leave, leave_at_once, occupy_descriptors
from engine.text import clean


def main() -> int:
    """Entry point of the console script; returns the exit code."""
    occupy_descriptors()
    if len(sys.argv) == 1:
        from .terminal import has_terminal

        if has_terminal():
            return _open()
    from .main import main

    return leave(main())


def _open() -> int:
    """The app, without a configuration."""
    try:
        from .session import run_app

        leave_at_once(run_app(None))
    except KeyboardInterrupt:  # before the app listens
        return EXIT_INTERRUPTED
    except OSError as error:
        sys.stderr.write(f"nntui: the app cannot be opened: {clean(error.strerror or error)}\n")
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
