"""Parquet files as a Table, by way of pyarrow, which is an optional extra."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..config import DataConfig
from ..errors import DataError, Fault, data_error
from ..text import clean
from .delimited import checked_path, display_name
from .files import read_table
from .header import Header
from .memorybudget import refuse_too_large
from .table import Table


def load_parquet(config: DataConfig) -> Table:
    """The file `config.source`; what is said of engine.data.files.load_file holds here too, with rows for lines, from 1.

    Numbers, booleans, texts, dates and times are read; null is a missing value. Columns of lists, structures or bytes are faults
    unless `config.ignore` has them. Raises DataError.
    """
    name = display_name(config.source)
    file = _opened(config.source, name)
    schema = file.schema_arrow
    header = Header([str(own).strip() for own in schema.names], name)
    faults = [
        Fault("data.ignore", f"column '{clean(field.name, 60)}' holds {clean(field.type, 60)}", "leave it out", name)
        for field in schema
        if not readable(field.type) and _wanted(field.name.strip(), config)
    ]
    if faults:
        raise DataError(faults)
    refuse_too_large(file.metadata.num_rows * len(schema) * 4, name)
    columns = _columns(file, name, None)
    return read_table(config, name, header, lambda: _records(columns))


def _wanted(name: str, config: DataConfig) -> bool:
    if config.text:
        return name in (config.text.strip(), config.target.strip())
    return name not in config.ignore


def head_of(source: str, rows: int) -> tuple[list[str], list[tuple[int, list[str]]], bool]:
    """The names and the first rows of a file, and whether those are all. Raises DataError."""
    name = display_name(source)
    file = _opened(source, name)
    names = [str(own).strip() for own in file.schema_arrow.names]
    found = list(_records(_columns(file, name, rows)))
    return names, found, file.metadata.num_rows <= rows


def rows_of(source: str) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The names and all rows of a file, a column that cannot be read as empty cells. Raises DataError."""
    name = display_name(source)
    file = _opened(source, name)
    names = [str(own).strip() for own in file.schema_arrow.names]
    refuse_too_large(file.metadata.num_rows * len(names) * 4, name)
    return names, list(_records(_columns(file, name, None)))


def _records(columns: list[list[str]]) -> Iterator[tuple[int, list[str]]]:
    for row, cells in enumerate(zip(*columns, strict=True), 1):
        yield row, list(cells)


def _opened(source: str, name: str) -> Any:
    try:
        import pyarrow  # pyright: ignore[reportMissingImports]
        from pyarrow import parquet  # pyright: ignore[reportMissingImports]
    except ImportError:
        hint = "pip install 'nntui[parquet]', or save it as CSV"
        raise data_error(
            "data.source", "reading Parquet files needs pyarrow, which is not installed", hint, name
        ) from None
    try:
        return parquet.ParquetFile(checked_path(source))
    except (pyarrow.ArrowException, OSError) as error:
        problem = f"no Parquet file, or a damaged one: {clean(str(error).partition(chr(10))[0], 100)}"
        raise data_error("data.source", problem, "save it again", name) from None


def readable(kind: Any) -> bool:
    """Whether a column of this type of pyarrow's can be read as text cells."""
    from pyarrow import types  # pyright: ignore[reportMissingImports]

    tests = (
        types.is_integer, types.is_floating, types.is_decimal, types.is_boolean, types.is_string, types.is_large_string,
        types.is_date, types.is_timestamp, types.is_null,
    )  # fmt: skip
    if types.is_dictionary(kind):
        return readable(kind.value_type)
    return any(test(kind) for test in tests)


def _columns(file: Any, name: str, rows: int | None) -> list[list[str]]:
    """Every column as text cells; "" where there is no value, and in columns that cannot be read."""
    import pyarrow  # pyright: ignore[reportMissingImports]

    try:
        if rows is None:
            table = file.read()
        else:
            batch = next(file.iter_batches(batch_size=rows), None)
            table = pyarrow.Table.from_batches([batch] if batch is not None else [], schema=file.schema_arrow)
        return [cells_of(column) for column in table.columns]
    except (pyarrow.ArrowException, OSError, UnicodeDecodeError) as error:
        problem = f"a damaged Parquet file: {clean(str(error).partition(chr(10))[0], 100)}"
        raise data_error("data.source", problem, "save it again", name) from None
    except MemoryError:
        raise data_error("data.source", "the file does not fit in memory", "use fewer rows", name) from None


def cells_of(column: Any) -> list[str]:
    """A column of pyarrow's as text cells, "" where it has no value or cannot be read."""
    import pyarrow  # pyright: ignore[reportMissingImports]
    from pyarrow import compute, types  # pyright: ignore[reportMissingImports]

    kind = column.type
    if not readable(kind):
        return [""] * len(column)
    if types.is_dictionary(kind):
        column, kind = compute.cast(column, kind.value_type), kind.value_type
    if types.is_timestamp(kind):
        column = compute.cast(column, pyarrow.timestamp("us", kind.tz), safe=False)
        return ["" if value is None else value.isoformat() for value in column.to_pylist()]
    if types.is_float16(kind):
        column = compute.cast(column, pyarrow.float32())
    texts = compute.cast(column, pyarrow.large_string()).to_pylist()
    return ["" if text is None else text for text in texts]
