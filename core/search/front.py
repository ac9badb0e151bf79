"""The front of a search: what it found at several costs, judged, of which those stay that nothing cheaper equals."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from qnas.core.search.judging import Judging
from qnas.core.search.limits.front_limits import front_cost
from qnas.core.search.outcome import FrontPoint, SearchOutcome
from qnas.core.search.task import SearchTask
from qnas.core.search.uniform import FOUND, costs_of, uniform_networks
from qnas.core.search.uniform_choices import Choice


@dataclass(frozen=True)
class _Judged:
    """A network that was judged.

    Attributes:
        name: What it is: found, or which uniform network.
        chosen: The network.
        psnr: Its PSNR on Y in dB on the held-out images.
    """

    name: str
    chosen: Choice
    psnr: float


def best_front(task: SearchTask, outcome: SearchOutcome, steps: int, batch: int) -> SearchOutcome:
    """Judge what a search found at each limit, beside uniform networks that keep to it, and keep the best of each.

    A network that is found at one limit may be the best at a looser one too; then the front has a point less.

    Args:
        task: The search.
        outcome: What it found, with its front.
        steps: Steps of the tuning before networks are judged; 0 leaves out the uniform networks.
        batch: Patches in a batch of it.

    Returns:
        The outcome whose best network is the last of the front. Its details say under ``front`` what each point costs,
        and what was measured of it.
    """
    networks = _networks(task, outcome, has_uniform=steps > 0)
    psnr = Judging(task, outcome, steps, batch).psnr(networks)
    judged = [_Judged(*network, one) for network, one in zip(networks, psnr, strict=True)]
    kept = [(point, _best(task.under(point.limits), judged)) for point in outcome.front]
    points = [(point, one) for place, (point, one) in enumerate(kept) if not place or one is not kept[place - 1][1]]
    front = [_told(task, point, one) for point, one in points]
    notices = [*_list(outcome.details.get("notices")), *_notices(len(outcome.front), len(front))]
    best = task.architecture(points[-1][1].chosen)
    ties = outcome.ties if best == outcome.best else ()
    details = {**outcome.details, "front": front, "notices": notices}
    return replace(outcome, best=best, ties=ties, details=details)


def _networks(task: SearchTask, outcome: SearchOutcome, *, has_uniform: bool) -> list[tuple[str, Choice]]:
    """The names and the choices of the networks to judge, each once."""
    networks: list[tuple[str, Choice]] = [(FOUND, point.architecture.candidates()) for point in outcome.front]
    for point in outcome.front if has_uniform else ():
        networks += uniform_networks(task.under(point.limits), point.architecture.candidates())
    return [one for place, one in enumerate(networks) if one[1] not in [other for _, other in networks[:place]]]


def _best(task: SearchTask, judged: list[_Judged]) -> _Judged:
    """The best of those that keep to the limits of the task; of equals the cheapest."""
    cost = front_cost(task.limits)

    def rank(one: _Judged) -> tuple[float, float]:
        return one.psnr, -costs_of(task, one.chosen)[cost]

    return max((one for one in judged if task.allowed.allows(one.chosen)), key=rank)


def _told(task: SearchTask, point: FrontPoint, one: _Judged) -> Mapping[str, object]:
    slots = task.architecture(one.chosen).model_dump(mode="json")["slots"]
    known = {"network": one.name, "limits": dict(point.limits), "psnr": one.psnr}
    return {**known, "costs": costs_of(task, one.chosen), "slots": slots}


def _notices(wanted: int, there: int) -> Iterator[str]:
    if there < wanted:
        yield f"the front has {there} of {wanted} points: at the others, a cheaper network was at least as good"


def _list(value: object) -> list[str]:
    return value if isinstance(value, list) else []
