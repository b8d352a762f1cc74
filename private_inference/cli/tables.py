"""Tables for the terminal."""

from typing import Any

from rich.table import Column, Table


def table(*headers: str, title: str | None = None, **options: Any) -> Table:
    """A table, for `rich` to print, that folds long words in a narrow terminal and never cuts a name."""
    columns = [Column(header, overflow="fold") for header in headers]
    return Table(*columns, title=title, title_justify="left", **options)
