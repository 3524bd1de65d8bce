"""``python -m engine``: the headless verbs."""

import sys

from .cli import main
from .signals import leave

if __name__ == "__main__":
    sys.exit(leave(main()))
