"""The flow of a network: in which order its slots run, and which of them feeds which."""

from collections.abc import Sequence
from dataclasses import dataclass

Edge = tuple[int, int]


@dataclass(frozen=True)
class SlotGraph:
    """A graph whose nodes are numbered in running order.

    Attributes:
        slots: Slot paths in running order.
        edges: (from, to), from always the smaller. Node 0 is the image, node k is ``slots[k - 1]``, and the
            last node is the output. An edge says that no other slot lies on the way.
    """

    slots: tuple[str, ...]
    edges: frozenset[Edge]

    @property
    def output(self) -> int:
        """The last node."""
        return len(self.slots) + 1

    @classmethod
    def chain(cls, slots: Sequence[str]) -> "SlotGraph":
        """Slots that run one after the other."""
        return cls(tuple(slots), frozenset((node, node + 1) for node in range(len(slots) + 1)))

    def essential(self) -> frozenset[Edge]:
        """The edges that no longer way stands for (the transitive reduction).

        A residual connection is an edge beside a longer way; drawn one and all, they would hide the network.
        """
        feeders: dict[int, set[int]] = {node: set() for node in range(self.output + 1)}
        for source, node in self.edges:
            feeders[node].add(source)
        before: dict[int, set[int]] = {}
        essential: set[Edge] = set()
        for node, sources in feeders.items():
            further = set[int]().union(*(before[source] for source in sources))
            before[node] = sources | further
            essential |= {(source, node) for source in sources - further}
        return frozenset(essential)
