"""Charts look as they do in golden/chart_*.txt, in every charset.

NNTUI_GOLDEN=write writes these files anew; look at the difference before committing it.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from support.charts import SCENES

from tui.chart import draw

GOLDEN = Path(__file__).parent / "golden"
CHARSETS = ["braille", "blocks", "ascii"]
SIZES = [(40, 10), (80, 24), (120, 30)]


def shown(scene: str, charset: str, size: tuple[int, int]) -> list[str]:
    series, options, marks = SCENES[scene]()
    options = replace(options, width=size[0], height=size[1], charset=charset, colour=False)
    return [strip.text for strip in draw(series, options, marks)]


@pytest.mark.parametrize("size", SIZES, ids=lambda size: "x".join(map(str, size)))
@pytest.mark.parametrize("charset", CHARSETS)
@pytest.mark.parametrize("scene", SCENES)
def test_it_looks_as_in_the_golden_file(scene: str, charset: str, size: tuple[int, int]) -> None:
    rows = shown(scene, charset, size)
    assert [cell_len(row) for row in rows] == [size[0]] * size[1]
    if charset == "ascii":
        assert all(row.isascii() for row in rows)
    if charset == "blocks":
        assert not any("\u2800" <= char <= "\u28ff" for row in rows for char in row)
    text = "\n".join(row.rstrip() for row in rows) + "\n"
    file = GOLDEN / f"chart_{scene}_{charset}_{size[0]}x{size[1]}.txt"
    if os.environ.get("NNTUI_GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    assert text == file.read_text(encoding="utf-8")
