"""The checks that take hours, part by part; what each says is kept, dated, in benchmarks/results/thorough.

python benchmarks/thorough.py                     # all parts
python benchmarks/thorough.py --part fuzz
"""

import datetime
import os
import platform
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks/results/thorough"
PYTEST = ("-m", "pytest", "--numprocesses", "auto", "--dist", "worksteal", "--durations=0", "--durations-min=1")


@dataclass(frozen=True)
class Part:
    """What is run: the arguments of Python, and variables for it, which the user's own go before."""

    arguments: Sequence[str]
    defaults: Mapping[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        """The variables as they are now."""
        return {name: os.environ.get(name, value) for name, value in self.defaults.items()}

    @property
    def line(self) -> str:
        """The command as one types it."""
        return " ".join([*(f"{name}={value}" for name, value in self.variables.items()), "python", *self.arguments])

    def at(self, results: Path, date: str) -> "Part":
        """The same, for a folder of results."""
        return Part([argument.format(results=results, date=date) for argument in self.arguments], self.defaults)


PARTS = {
    "tests": Part([*PYTEST, "-m", "thorough"]),
    "fuzz": Part([*PYTEST, "-m", "fuzz"], {"QNAS_FUZZ": "50"}),
    "kills": Part(["benchmarks/crash.py", "--kills", "200"]),
    "starts": Part(["benchmarks/quantizer_starts.py", "--out", "{results}/{date}-starts.json"]),
    "parity": Part(["benchmarks/parity.py", "--out", "{results}/{date}-parity.json"]),
    "images": Part(["benchmarks/big_images.py"]),
    "search": Part(["benchmarks/search_step.py"]),
    "train": Part(["benchmarks/train_step.py"]),
    "data": Part(["benchmarks/data.py"]),
    "memory": Part(["benchmarks/memory.py"]),
}


def commit() -> str:
    """The commit that is checked out, and whether files differ from it."""
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(command, check=False, cwd=ROOT, capture_output=True, text=True)
    return done.stdout.strip() or "unknown"


def run(part: Part, results: Path, name: str) -> int:
    """Run one part and write what it says to ``results``; gives its exit code."""
    date = datetime.date.today().isoformat()
    part = part.at(results, date)
    head = {
        "date": date,
        "commit": commit(),
        "command": part.line,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}",
    }
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, *part.arguments],
        check=False,
        cwd=ROOT,
        env={**os.environ, **part.variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    head |= {"minutes": f"{(time.monotonic() - began) / 60:.1f}", "exit code": str(done.returncode)}
    results.mkdir(parents=True, exist_ok=True)
    told = "".join(f"{key}: {value}\n" for key, value in head.items())
    (results / f"{date}-{name}.txt").write_text(f"{told}\n{done.stdout}")
    return done.returncode


@click.command()
@click.option("--part", "names", multiple=True, type=click.Choice([*PARTS]), help="Only this one; may be repeated.")
@click.option("--out", default=RESULTS, show_default=True, type=click.Path(path_type=Path), help="A folder.")
def main(names: Sequence[str], out: Path) -> None:
    """Run the checks that take hours, and keep what they say."""
    failed = []
    for name in names or PARTS:
        click.echo(f"{name}: {PARTS[name].line}")
        if run(PARTS[name], out, name):
            failed.append(name)
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}; see {out}")


if __name__ == "__main__":
    main()
