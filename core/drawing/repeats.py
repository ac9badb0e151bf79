"""Repeats: parts of a network that are the same as the part before them, as in a body of equal blocks."""

import itertools
import re
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from qnas.core.drawing.slot_graph import Edge, SlotGraph

_NUMBERED = re.compile(r"(.*?)(0|[1-9]\d*)")
Name = tuple[str, ...]


@dataclass(frozen=True)
class Repeat:
    """Parts one after the other that are the same as the part before them.

    Attributes:
        like: The part that they are the same as, such as ``body.0``.
        parts: Their names, in running order.
        nodes: Their nodes in the flow.
    """

    like: str
    parts: tuple[str, ...]
    nodes: range

    @property
    def label(self) -> str:
        """Such as ``body.1 to body.3 are the same as body.0 (45 slots)``."""
        first, *others = self.parts
        between = " to " if len(others) > 1 else " and "
        parts = f"{first}{between}{others[-1]} are" if others else f"{first} is"
        return f"{parts} the same as {self.like} ({len(self.nodes)} slots)"


@dataclass(frozen=True)
class _Part:
    name: Name
    nodes: range

    def following(self) -> Name:
        """The name with the next number: ``body.1`` after ``body.0``, ``block2`` after ``block1``."""
        match = _NUMBERED.fullmatch(self.name[-1])
        return (*self.name[:-1], f"{match[1]}{int(match[2]) + 1}") if match else ()


def find_repeats(flow: SlotGraph, kinds: Mapping[str, Hashable], least: int) -> list[Repeat]:
    """The repeats that stand for at least ``least`` slots, in running order; none lies in another.

    Two parts are the same if they are named by numbers that follow each other, if their slots have the same names in
    them and the same ``kinds``, if these are connected in the same way, and if the next part continues from the one
    before as that did; also if data flows around both or around neither.

    Args:
        flow: Of the network.
        kinds: Slot path to what must be equal in two slots that are the same.
        least: Slots.
    """
    return list(_Finder(flow, kinds, least).within(range(1, flow.output), 1))


class _Finder:
    def __init__(self, flow: SlotGraph, kinds: Mapping[str, Hashable], least: int) -> None:
        self._names: list[Name] = [(), *(tuple(path.split(".")) for path in flow.slots)]
        self._kinds = [None, *(kinds[path] for path in flow.slots)]
        self._least = least
        self._edges = flow.edges
        self._sources, self._readers = _neighbours(flow.output, flow.edges)
        self._before, self._after = _neighbours(flow.output, flow.essential())
        self._parts = self._find_parts()

    def _find_parts(self) -> dict[Name, _Part]:
        """The parts whose slots run without another part's between them."""
        members: dict[Name, list[int]] = {}
        for node, name in enumerate(self._names):
            for length in range(1, len(name) + 1):
                members.setdefault(name[:length], []).append(node)
        parts = [_Part(name, range(nodes[0], nodes[-1] + 1)) for name, nodes in members.items()]
        return {part.name: part for part in parts if len(part.nodes) == len(members[part.name])}

    def within(self, nodes: range, depth: int) -> Iterator[Repeat]:
        """The repeats among ``nodes``, of parts that have at least ``depth`` words in their names."""
        node = nodes.start
        while node < nodes.stop:
            run = self._longest_run(node, depth)
            if run:
                first, *others = run
                yield from self.within(first.nodes, len(first.name) + 1)
                hidden = range(others[0].nodes.start, others[-1].nodes.stop)
                yield Repeat(".".join(first.name), tuple(".".join(part.name) for part in others), hidden)
                node = hidden.stop
            else:
                node += 1

    def _longest_run(self, node: int, depth: int) -> list[_Part]:
        """The outermost parts that are worth it, the first of which begins with ``node``."""
        name = self._names[node]
        for length in range(depth, len(name) + 1):
            part = self._parts.get(name[:length])
            if part is not None and part.nodes.start == node:
                run = self._run(part)
                if sum(len(other.nodes) for other in run[1:]) >= self._least:
                    return run
        return []

    def _run(self, first: _Part) -> list[_Part]:
        """The parts from ``first`` on that are the same."""
        run = [first]
        while (following := self._parts.get(run[-1].following())) and self._continues(run, following):
            run.append(following)
        around = self._flows_around(run)
        same = itertools.takewhile(lambda pair: pair[1] == around[0], zip(run, around, strict=True))
        return [part for part, _ in same]

    def _continues(self, run: Sequence[_Part], part: _Part) -> bool:
        """Whether ``part`` is the same as those of ``run``, and reads nothing but what the last of them puts out."""
        last = run[-1]
        return (
            part.nodes.start == last.nodes.stop
            and self._anatomy(part) == self._anatomy(last)
            and self._outside(part, self._before) <= set(last.nodes)
            and self._outside(last, self._after) <= set(part.nodes)
            and (len(run) == 1 or self._link(last, part) == self._link(run[0], run[1]))
        )

    def _anatomy(self, part: _Part) -> Hashable:
        """All that must be equal in two parts that are the same, whatever is around them."""
        start, own = part.nodes.start, set(part.nodes)
        inside = frozenset((a - start, b - start) for b in own for a in self._sources[b] & own)
        entries = frozenset(node - start for node in own if self._sources[node] - own)
        exits = frozenset(node - start for node in own if self._readers[node] - own)
        slots = tuple((self._names[node][len(part.name) :], self._kinds[node]) for node in part.nodes)
        return slots, inside, entries, exits

    def _link(self, part: _Part, following: _Part) -> set[tuple[int, int]]:
        """The connections from one part to the next, its nodes and theirs counted from their first."""
        return {
            (a - part.nodes.start, b - following.nodes.start)
            for b in following.nodes
            for a in self._sources[b]
            if a in part.nodes
        }

    def _flows_around(self, run: Sequence[_Part]) -> list[bool]:
        """For each part, whether data also flows around it, as around a residual block.

        What reads the output of all, three or more, tells nothing of the last: that is then taken to be as the others.
        """
        around = [
            any((a, b) in self._edges for a in self._outside(p, self._before) for b in self._outside(p, self._after))
            for p in run
        ]
        readers = self._outside(run[-1], self._after)
        if len(run) > 2 and all(self._sources[reader] & set(part.nodes) for reader in readers for part in run):
            around[-1] = around[0]
        return around

    def _outside(self, part: _Part, neighbours: Sequence[set[int]]) -> set[int]:
        return set().union(*(neighbours[node] for node in part.nodes)) - set(part.nodes)


def _neighbours(output: int, edges: Iterable[Edge]) -> tuple[list[set[int]], list[set[int]]]:
    """For each node, where edges come from, and where edges lead to."""
    sources: list[set[int]] = [set() for _ in range(output + 1)]
    targets: list[set[int]] = [set() for _ in range(output + 1)]
    for start, end in edges:
        sources[end].add(start)
        targets[start].add(end)
    return sources, targets
