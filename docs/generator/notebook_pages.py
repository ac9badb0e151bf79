"""A hook of MkDocs: the notebooks as pages of the site, as they stand, with what their cells showed. Nothing runs."""

import base64
import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # MkDocs need not be installed to read a notebook
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import File, Files

SUFFIX = ".ipynb"


def on_files(files: "Files", config: "MkDocsConfig") -> "Files":
    """See https://www.mkdocs.org/dev-guide/plugins/#on_files."""
    for file in list(files):
        if file.src_uri.endswith(SUFFIX):
            page = _page(config, file.src_uri, as_markdown(json.loads(file.content_string)))
            files.remove(file)
            files.append(page)
    return files


def _page(config: "MkDocsConfig", uri: str, content: str) -> "File":
    """A notebook that the site takes for Markdown, so that it has the site's own code blocks, contents and search."""
    from mkdocs.structure.files import File

    class NotebookPage(File):
        def is_documentation_page(self) -> bool:
            return True

    return NotebookPage.generated(config, uri, content=content)


def as_markdown(notebook: Mapping[str, Any]) -> str:
    """A notebook's text, code and outputs."""
    return "\n\n".join(part for cell in notebook["cells"] for part in _cell(cell)) + "\n"


def _cell(cell: Mapping[str, Any]) -> Iterator[str]:
    source = _joined(cell["source"])
    if cell["cell_type"] != "code":
        yield source
        return
    yield f"```python\n{source}\n```"
    for output in cell["outputs"]:
        yield _output(output)


def _output(output: Mapping[str, Any]) -> str:
    """The richest form of an output; a picture is one of its own, whose style leaves the page alone."""
    data = output.get("data", {})
    if "image/svg+xml" in data:
        picture = base64.b64encode(_joined(data["image/svg+xml"]).encode()).decode()
        return f"![What the code above draws](data:image/svg+xml;base64,{picture})"
    if "text/html" in data:
        return _joined(data["text/html"])
    text = output["text"] if output["output_type"] == "stream" else data["text/plain"]
    return f"```{{ .text .output }}\n{_joined(text).rstrip()}\n```"


def _joined(text: str | list[str]) -> str:
    return text if isinstance(text, str) else "".join(text)
