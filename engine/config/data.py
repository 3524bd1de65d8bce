"""Knobs of the data: what to train on and how it is split."""

from __future__ import annotations

from typing import Literal

from .declare import (
    HAS_TEXT,
    IS_CALLED,
    IS_FILE,
    IS_FOLDER,
    IS_GENERATED,
    IS_HUGGINGFACE,
    IS_LIBRARY,
    IS_TABLE,
    NO_TEXT,
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
        help="A built-in dataset (`nntui datasets` lists them), the path of a file or of a folder of pictures, your own code, as mypkg.data:make or "
        "path/to/data.py:make, or a library's, as torchvision:FashionMNIST or huggingface:ag_news.",
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
    text: str = knob(
        "",
        label="text column",
        help="The column of the file that holds texts to learn from, word by word, such as reviews or messages. No other column is then read "
        "beside the target. Empty when the inputs are numbers, dates and categories.",
        when=either(IS_TABLE, IS_HUGGINGFACE),
    )
    text_length: int = knob(
        128,
        label="words of a text",
        help="How many words of a text count at the most, punctuation marks among them: longer texts are cut, shorter ones filled up with padding "
        "that no model looks at. 20 to 50 is enough for messages, 200 to 400 for reviews; recurrent models and transformers take as much longer.",
        unit="words",
        when=HAS_TEXT,
        ge=1,
        le=4096,
    )
    vocabulary: int = knob(
        10_000,
        label="vocabulary",
        help="How many different words are known at the most: the commonest ones of the training texts, in small letters. All others are one unknown "
        "word. 5,000 to 30,000 is usual; each takes an embedding's worth of weights.",
        unit="words",
        when=HAS_TEXT,
        ge=1,
        le=1_000_000,
    )
    min_count: int = knob(
        2,
        label="least count",
        help="How often a word must stand in the training texts to be known. From 2 on rare words teach the model what to make of unknown ones, "
        "and it has fewer to learn by heart; with 1 the unknown word is never trained. 2 to 5 is usual.",
        when=HAS_TEXT,
        ge=1,
        le=1_000_000,
    )
    ignore: Names = knob(
        (),
        label="leave out",
        help="Columns of the file that are no inputs, with commas between them: numbers of rows, names, free text, whatever would "
        "not be known yet when the model is used.",
        when=[either(IS_FILE, IS_HUGGINGFACE), *NO_TEXT],
    )
    categorical: Names = knob(
        (),
        label="categories",
        help="Columns of the file whose numbers are only names, such as postal codes or numbered classes, with commas between them. "
        "Each of their values becomes an input of its own, as those of columns of text do anyway.",
        when=[either(IS_FILE, IS_HUGGINGFACE), *NO_TEXT],
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
        when=[either(IS_FILE, IS_HUGGINGFACE), chosen("data.missing", "mean", "median"), *NO_TEXT],
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
        help="How many points (or texts) to generate. More of them make overfitting harder.",
        when=IS_GENERATED,
        ge=30,
        le=1_000_000,
    )
    noise: float = knob(
        0.2,
        label="noise",
        help="Standard deviation of the noise added to the generated points. 0 draws the pure shape; at 0.5 and more the "
        "classes overlap and no model can be perfect.",
        when=[IS_GENERATED, *NO_TEXT],
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
        when=NO_TEXT,
    )
    train_rows: int = knob(
        0,
        label="training rows",
        help="Keep only this many rows of the training part, 0 for all. With few rows a net learns them by heart: the "
        "quickest way to see overfitting.",
        ge=0,
    )
