"""The templates of pages, and how values are shown in them."""

import base64
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, Template

from qnas.core.visible import visible
from qnas.plugins.reports.palette import bits_variable
from qnas.plugins.reports.wording import FILTERS


def template(name: str) -> Template:
    """One of our templates, with the filters of wording."""
    environment = Environment(
        loader=PackageLoader("qnas.plugins.reports", "templates"),
        autoescape=True,  # any text in a run's folder may come from a stranger
        finalize=_shown,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(FILTERS, bits_variable=bits_variable, data_uri=_data_uri)
    return environment.get_template(name)


def _data_uri(png: Path) -> str:
    return f"data:image/png;base64,{base64.b64encode(png.read_bytes()).decode('ascii')}"


def _shown(value: Any) -> Any:
    if isinstance(value, Path):
        return visible(str(value))
    # Markup stays Markup.
    return type(value)(visible(value)) if isinstance(value, str) else value
