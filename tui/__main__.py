"""``python -m tui``: the same as the command ``nntui``."""

import sys

from .start import main

if __name__ == "__main__":
    sys.exit(main())
