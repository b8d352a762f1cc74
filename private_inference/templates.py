"""Templates of HTML pages and SVG pictures."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Template


def template(beside: str, name: str) -> "Template":
    """A template in the folder `templates` beside a module, given by its `__file__`. What is put into it is escaped."""
    from jinja2 import Environment, FileSystemLoader

    folder = FileSystemLoader(Path(beside).parent / "templates")
    return Environment(loader=folder, autoescape=True, trim_blocks=True, lstrip_blocks=True).get_template(name)
