"""Where previews come from: what a configuration would train on and with, asked for one half at a time.

The app has the process that stands by make them (`tui.workshop`), so that this one imports neither PyTorch nor scikit-learn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from engine.config import RunConfig
    from engine.preview import DataPreview, ModelPreview


class Previewer(Protocol):
    """Answers may take seconds and come in a thread; neither method raises, and what is wrong stands in the faults."""

    def data(self, config: RunConfig) -> DataPreview:
        """The data of `config` and its parts."""
        ...

    def model(self, config: RunConfig) -> ModelPreview:
        """The model of `config` and what training it takes."""
        ...
