"""The page: what the template is given, and the template filled in."""

from collections.abc import Mapping
from typing import Any

from qnas.core.run.record import RunRecord
from qnas.plugins.reports.anatomy import Anatomy, anatomy
from qnas.plugins.reports.baselines import baselines_table
from qnas.plugins.reports.choices import HEIGHT, WIDTH, slot_choices
from qnas.plugins.reports.costs import cost_facts
from qnas.plugins.reports.curves import search_charts, taken_step, train_charts
from qnas.plugins.reports.device import device
from qnas.plugins.reports.drawing import draw
from qnas.plugins.reports.front import front_part
from qnas.plugins.reports.palette import bits_colours
from qnas.plugins.reports.scores import METRICS, rows
from qnas.plugins.reports.template import template

TEMPLATE = "report.html.j2"


def page(record: RunRecord) -> str:
    """The whole report as HTML."""
    return template(TEMPLATE).render(_context(record))


def _context(record: RunRecord) -> dict[str, Any]:
    found = anatomy(record)
    charts = slot_choices(record.history["search"], found.slots, taken_step(record))
    candidates = [area.bits for chart in charts for area in chart.areas]
    images = record.stages["evaluate"].get("images") or {}
    return {
        "run": record,
        "result": record.result,
        "found": found,
        "costs": cost_facts(record, found),
        "drawing": draw(found),
        "choices": charts,
        "chart_size": (WIDTH, HEIGHT),
        "bits": bits_colours(bits for bits in [*_widths(found), *candidates] if bits is not None),
        "used_bits": sorted(_widths(found)),
        "curves": {"search": search_charts(record), "train": train_charts(record)},
        "metrics": METRICS,
        "sets": rows(record.result.get("test")),
        "images": {str(name): rows(scores) for name, scores in images.items()},
        "image_scores": images,
        "baselines": baselines_table(record),
        "device": device(record),
        "front": front_part(record),
        "seconds": _seconds(record),
        "facts": _facts(record.environment),
        "version": (record.environment.get("packages") or {}).get("qnas", ""),
    }


def _widths(found: Anatomy) -> set[int]:
    pairs = ((slot.weight_bits, slot.activation_bits) for slot in found.slots.values())
    return {bits for pair in pairs for bits in pair if bits is not None}


def _seconds(record: RunRecord) -> dict[str, float]:
    # The time that writing the page took is left out: the page can't know it, and must read the same if written again.
    seconds: Mapping[str, float] = record.result.get("seconds") or {}
    return {stage: value for stage, value in seconds.items() if stage != "report"}


def _facts(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is known of the machine, one fact a line."""
    facts = [(str(key), _text(value)) for key, value in environment.items() if key != "packages"]
    packages = environment.get("packages") or {}
    return [(key.replace("_", " "), text) for key, text in facts if text] + [
        (str(name), str(version)) for name, version in packages.items()
    ]


def _text(value: Any) -> str:
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
