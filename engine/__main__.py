"""``python -m engine``: the headless verbs."""

import sys

from .cli import main

if __name__ == "__main__":
    sys.exit(main())
