"""``python -m docs.generator``: writes what is generated in docs or, with ``--check``, reports what is outdated."""

import sys
from pathlib import Path

from .pages import pages

FOLDER = Path(__file__).parents[1]
OURS = ("reference/*.md", "concepts/*.svg")
"""The files of docs that are all generated."""


def main(arguments: list[str]) -> int:
    """Write or check all pages, and return the exit code."""
    made = pages()
    if arguments == ["--check"]:
        return check(made)
    for name, text in made.items():
        (FOLDER / name).parent.mkdir(exist_ok=True)
        (FOLDER / name).write_text(text, encoding="utf-8")
    for name in left_over(made):
        (FOLDER / name).unlink()
    return 0


def check(made: dict[str, str]) -> int:
    """1 if a page is out of date, else 0."""
    stale = [name for name, text in made.items() if _read(FOLDER / name) != text]
    stale += left_over(made)
    for name in stale:
        print(f"docs/{name} is out of date with the code: run make docs", file=sys.stderr)
    return 1 if stale else 0


def left_over(made: dict[str, str]) -> list[str]:
    """Pages that are no longer generated."""
    there = {path.relative_to(FOLDER).as_posix() for pattern in OURS for path in FOLDER.glob(pattern)}
    return sorted(there - made.keys())


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
