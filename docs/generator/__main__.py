"""``python -m docs.generator``: writes the pages of docs/reference or, with ``--check``, reports outdated ones."""

import sys
from pathlib import Path

from .pages import pages

FOLDER = Path(__file__).parents[1] / "reference"


def main(arguments: list[str]) -> int:
    """Write or check all pages, and return the exit code."""
    made = pages()
    if arguments == ["--check"]:
        return check(made)
    FOLDER.mkdir(exist_ok=True)
    for name, text in made.items():
        (FOLDER / name).write_text(text, encoding="utf-8")
    for path in left_over(made):
        path.unlink()
    return 0


def check(made: dict[str, str]) -> int:
    """1 if a page is out of date, else 0."""
    stale = [name for name, text in made.items() if _read(FOLDER / name) != text]
    stale += [path.name for path in left_over(made)]
    for name in stale:
        print(f"docs/reference/{name} is out of date with the code: run make docs", file=sys.stderr)
    return 1 if stale else 0


def left_over(made: dict[str, str]) -> list[Path]:
    """Pages that are no longer generated."""
    return sorted(path for path in FOLDER.glob("*.md") if path.name not in made)


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
