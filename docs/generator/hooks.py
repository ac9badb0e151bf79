"""The page of the hooks."""

import inspect

from qnas.core.registry import hook_names, hookspecs

from .markdown import docstring, fence, heading, page, prose
from .signature import signature

EXAMPLE = """\
import json

import qnas


@qnas.hookimpl
def qnas_stage_began(stage, steps):
    print(f"{stage} begins: {steps or 'no'} steps")


@qnas.hookimpl
def qnas_step(folder, stage, step, metrics):
    if "psnr" in metrics:  # a network was validated
        with (folder.path / "psnr.jsonl").open("a") as file:
            file.write(json.dumps([stage, step, float(metrics["psnr"])]) + "\\n")
"""

_ABOUT_EXAMPLE = (
    "This plugin prints a line when a stage begins, and writes every measured PSNR to a file in the run's folder:"
)


def hooks() -> str:
    """All hooks, each with its signature and its docstring."""
    intro = prose(inspect.getdoc(hookspecs) or "")
    return page("Hooks", intro, prose(_ABOUT_EXAMPLE), fence(EXAMPLE, "python"), *map(_hook, hook_names()))


def _hook(name: str) -> str:
    hook = getattr(hookspecs, name)
    return "\n\n".join([heading(f"`{name}`"), fence(signature(hook, name), "python"), docstring(hook)])
