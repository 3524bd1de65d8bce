"""Knobs of the data: what to train on and how it is split."""

from __future__ import annotations

from typing import Literal

from .declare import (
    IS_CALLED,
    IS_FILE,
    IS_FOLDER,
    IS_GENERATED,
    IS_HUGGINGFACE,
    IS_LIBRARY,
    ONE_SPLIT,
    Names,
    Section,
    chosen,
    either,
    knob,
    switched_on,
)
from .keywords import Keywords


class DataConfig(Section):
    """Data"""

    source: str = knob(
        "digits",
        label="dataset",
        help="The name of a built-in dataset, the path of a file (CSV, TSV, JSON lines, Parquet, NPZ, NPY) or of a folder of pictures, or code of "
        "your own that gives the data, as mypkg.data:make or path/to/data.py:make; or a dataset of a library that is installed, as "
        "torchvision:FashionMNIST or huggingface:ag_news. `nntui datasets` lists the built-in ones.",
        min_length=1,
    )
    arguments: Keywords = knob(
        "",
        label="its arguments",
        help="What your function, your class or the library's dataset is called with, as name=value, name=value; in a TOML file a "
        "table. Empty when it is called with nothing. Nothing is downloaded unless download=true stands here; torchvision looks "
        "into root, which is ./data if it is not given.",
        when=IS_CALLED,
        table=True,
    )
    target: str = knob(
        "",
        label="target column",
        help="The column of the file that the model learns to predict. Every other column is an input.",
        when=either(IS_FILE, IS_HUGGINGFACE),
    )
    ignore: Names = knob(
        (),
        label="leave out",
        help="Columns of the file that are no inputs, with commas between them: numbers of rows, names, free text, whatever would "
        "not be known yet when the model is used.",
        when=either(IS_FILE, IS_HUGGINGFACE),
    )
    categorical: Names = knob(
        (),
        label="categories",
        help="Columns of the file whose numbers are only names, such as postal codes or numbered classes, with commas between them. "
        "Each of their values becomes an input of its own, as those of columns of text do anyway.",
        when=either(IS_FILE, IS_HUGGINGFACE),
    )
    task: Literal["auto", "classification", "regression"] = knob(
        "auto",
        label="task",
        help="Whether the target is a class or a quantity. auto takes text and whole numbers with few different values "
        "for classes and everything else for a quantity.",
        when=either(IS_FILE, IS_CALLED),
    )
    missing: Literal["refuse", "mean", "median", "drop"] = knob(
        "refuse",
        label="missing values",
        help="What to do with empty cells and NaN in the input columns. refuse: list them as faults. mean and median: fill in that of the "
        "column over the training part; median is safer with outliers. drop: leave those rows out, best when they are few. A "
        "column that is mostly missing should be removed instead.",
        when=either(IS_FILE, IS_CALLED),
    )
    missing_category: Literal["own", "commonest"] = knob(
        "own",
        label="missing category",
        help="What a missing value in a column of categories becomes. own: a category called missing, best where it says something that "
        "there is no value. commonest: the one that the training part has most often.",
        when=(either(IS_FILE, IS_HUGGINGFACE), chosen("data.missing", "mean", "median")),
    )
    image_size: int = knob(
        0,
        label="picture size",
        help="Pixels of each side of the pictures from a folder or a library: they are scaled, and cut from the middle where they are not square. 0 keeps "
        "the size of small pictures and scales larger ones to 64. Twice the size takes four times the work.",
        unit="px",
        when=either(IS_FOLDER, IS_LIBRARY),
        ge=0,
        le=1024,
    )
    color: Literal["auto", "grey", "rgb"] = knob(
        "auto",
        label="colours",
        help="Whether pictures from a folder or a library are given to the net in grey (one channel) or in colour (three). auto takes them as most of them "
        "are stored.",
        when=either(IS_FOLDER, IS_LIBRARY),
    )
    rows: int = knob(
        1000,
        label="points",
        help="How many points to generate. More points make overfitting harder.",
        when=IS_GENERATED,
        ge=30,
        le=1_000_000,
    )
    noise: float = knob(
        0.2,
        label="noise",
        help="Standard deviation of the noise added to the generated points. 0 draws the pure shape; at 0.5 and more the "
        "classes overlap and no model can be perfect.",
        when=IS_GENERATED,
        ge=0.0,
        le=10.0,
    )
    validation: float = knob(
        0.1,
        label="validation share",
        help="The share of rows held out to watch training: early stopping and the warnings look at it. 0.1 to 0.2 is "
        "usual; with too few rows the curve is noise, with too many there is little left to learn from.",
        when=ONE_SPLIT,
        gt=0.0,
        lt=1.0,
    )
    test: float = knob(
        0.1,
        label="test share",
        help="The share of rows kept aside until the very end and used once, for an honest figure. Nothing is tuned on "
        "it.",
        when=ONE_SPLIT,
        gt=0.0,
        lt=1.0,
    )
    shuffle: bool = knob(
        True,
        label="shuffle",
        help="Mix the rows before they are divided. Off, the first rows are trained on, the next watched and the last "
        "tested, which is the honest way for a time series: nothing may be learned from the future. Leave it on for "
        "everything else; a file that is sorted by class would put whole classes into one part.",
    )
    stratify: bool = knob(
        True,
        label="stratify",
        help="Give every part of the split the same mix of classes. Matters most with few rows or rare classes; has no "
        "meaning for regression.",
        when=switched_on("data.shuffle"),
    )
    seed: int = knob(
        0,
        label="split seed",
        help="The seed of the split (and of generated points). The same seed gives the same rows in the same parts.",
        when=either(switched_on("data.shuffle"), IS_GENERATED),
        ge=0,
        le=2**31 - 1,
    )
    standardize: bool = knob(
        True,
        label="standardize",
        help="Shift and scale the inputs to mean 0 and standard deviation 1, measured on the training part only. Nets "
        "learn badly from inputs of very different sizes, so leave it on unless the data is scaled already.",
    )
    train_rows: int = knob(
        0,
        label="training rows",
        help="Keep only this many rows of the training part, 0 for all. With few rows a net learns them by heart: the "
        "quickest way to see overfitting.",
        ge=0,
    )
