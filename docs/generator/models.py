"""The page of the models that come with qnas: their cards."""

import json
import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from qnas.core.registry import PROJECT, plugins
from qnas.core.run.deployment.models import card_of

from .markdown import code, fence, heading, page, prose, table

HEADLINE = Path(__file__).parents[2] / "benchmarks/results/headline.json"
_ABOUT = """\
Found networks that come with qnas, trained, to enlarge pictures with and to export. ``qnas list models`` lists all that
are installed, and ``qnas show model NAME`` prints a card. ``upscale``, ``evaluate``, ``export`` and ``bench`` take a
model's name where they take the folder of a run:"""
_COMMANDS = """\
$ qnas upscale x4-4g photo.png
$ qnas export x4-4g --target openvino"""
_WRITES = """\
The first writes ``photo_x4.png``. The second copies the model into a folder ``x4-4g`` here, which is a run like any
other, and writes the file in it. In Python it is ``qnas.load("x4-4g")``."""
_LIMITS = """\
They were trained on images that bicubic interpolation had reduced, as the published figures are, so they sharpen clean,
small pictures. They were not trained for noise, strong JPEG or blur."""
_FIGURES = """\
The paper that qnas follows has 27.63 dB on Set14 at 1.9 GBitOps and 27.81 dB at 4.6 (read off its plot), trained on
DIV2K. Below, ``float`` is what a network was before it was quantized, ``uniform 4 bits`` the same with 4 bits
everywhere, by the same protocol. ``8 bits between`` is the network after ``qnas derive --between 8`` and 500 more
steps: then only integers pass from slot to slot, which ONNX Runtime needs to be quick. All of this is one seed."""
_LONGER = """\
The network of ``x4-4g``, trained for 18,000 steps more on 540 photographs (``specs/headline/x4-4g-longer.yaml``: those
below, BSDS400, and 94 of General100), beside 4 bits everywhere with the same steps and photographs. Both start from the
weights of ``x4-4g``, which were trained for its own bits. It is no model here, since the licences of the added
photographs don't allow it. One seed, an hour of one core each. Judged on {judged}, after both trainings; Set5 and Set14
had been looked at once before, for ``x4-4g``."""
_PHOTOGRAPHS = """\
The networks were trained on these, reduced to 1600 pixels, and on generated dead leaves. No picture is in this
repository or in a model. The models have the licence of qnas."""
_OWN = """\
A plugin registers models, each a class that names a folder with what a run left: ``spec.yaml``,
``architecture.json``, ``model.safetensors`` and ``result.json``, and a card, ``card.md``. ``benchmarks/ship.py`` in the
repository makes such a folder of a run."""
_PLUGIN = """\
from pathlib import Path

import qnas


class Mine(qnas.Model):
    folder = Path(__file__).parent / "mine"


@qnas.hookimpl
def qnas_register_models(register):
    register("mine", Mine, "What it is, in a line")"""


def models() -> str:
    """How to use them, and the card of each."""
    entries = [entry for entry in plugins().models if entry.distribution == PROJECT]
    rows = [(f"[{code(entry.name)}](#{entry.name})", entry.summary) for entry in entries]
    kept = json.loads(HEADLINE.read_text())
    cards = [_deeper(card_of(entry.name)) for entry in entries]
    return page(
        "Models",
        prose(_ABOUT),
        fence(_COMMANDS, "console"),
        prose(_WRITES),
        table(("name", "what it is"), rows),
        prose(_LIMITS),
        prose(_FIGURES),
        *cards,
        heading("Trained longer"),
        prose(_LONGER.format(judged=kept["judged"])),
        table(("PSNR Y, SSIM Y", "GBitOps", *next(iter(kept["networks"].values()))["test"]), _scores(kept["networks"])),
        heading("The photographs"),
        prose(_PHOTOGRAPHS),
        files("qnas.plugins.models").joinpath("photographs.md").read_text(encoding="utf-8").strip(),
        heading("Models of your own"),
        prose(_OWN),
        fence(_PLUGIN, "python"),
    )


def _scores(networks: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """A row for each network that benchmarks/headline.py judged."""
    return [
        (
            name,
            f"{of['bitops'] / 1e9:.2f}",
            *(f"{one['psnr_y']:.2f} dB, {one['ssim_y']:.4f}" for one in of["test"].values()),
        )
        for name, of in networks.items()
    ]


def _deeper(card: str) -> str:
    """A card as a part of a page: its headings one level down."""
    return re.sub(r"^#", "##", card, flags=re.MULTILINE).strip()
