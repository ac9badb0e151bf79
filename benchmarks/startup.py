"""How long commands take that do little, beside importing PyTorch; each is a process of its own, on a warm disk."""

import os
import subprocess
import sys
from pathlib import Path

import click
from rounds import Step, Target, interleaved, out_option, ratio, report, rounds_option

ROOT = Path(__file__).parents[1]
TORCH, CHECK = "import torch", "qnas check specs/quickstart.yaml"
QNAS = [sys.executable, "-m", "qnas"]
COMMANDS = {
    TORCH: [sys.executable, "-c", TORCH],
    "import qnas": [sys.executable, "-c", "import qnas"],
    "qnas --help": [*QNAS, "--help"],
    "qnas list": [*QNAS, "list"],
    CHECK: [*QNAS, "check", "specs/quickstart.yaml"],
}
AT_MOST = {CHECK: 2.0, "import qnas": 0.1, "qnas --help": 0.25, "qnas list": 0.4}


@click.command(help=__doc__.splitlines()[0])
@rounds_option
@out_option
def main(rounds: int, out: Path | None) -> None:
    """Time the commands."""
    seconds = interleaved({name: step_of(command) for name, command in COMMANDS.items()}, rounds)
    targets = [Target(f"{name} / {TORCH}", ratio(seconds, name, TORCH), most) for name, most in AT_MOST.items()]
    report(seconds, targets, out)


def step_of(command: list[str]) -> Step:
    """The process, as where qnas is installed: with its modules compiled."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    return lambda: subprocess.run(command, check=True, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
