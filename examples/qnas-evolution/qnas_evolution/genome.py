"""Genomes: which candidate each choice of a network takes, and how new ones come from old ones."""

from collections.abc import Mapping

import numpy as np
import qnas

Genome = tuple[int, ...]
"""The number of the candidate of each choice. Slots that share a choice have one gene."""


class Genes:
    """The choices of a search space.

    Args:
        task: Of the search.
    """

    def __init__(self, task: qnas.SearchTask) -> None:
        self._task = task
        self._candidates = task.candidates
        self._leaders = task.leaders
        options = list(task.candidates.values())
        self._choices = sorted(set(task.leaders))
        self.sizes = [len(options[slot]) for slot in self._choices]

    def draw(self, random: np.random.Generator) -> Genome:
        """A genome with every gene uniformly at random."""
        return tuple(int(random.integers(size)) for size in self.sizes)

    def cross(self, mother: Genome, father: Genome, random: np.random.Generator) -> Genome:
        """A child that has each gene from one parent or the other, with equal chances."""
        return tuple(int(random.choice(pair)) for pair in zip(mother, father, strict=True))

    def mutate(self, genome: Genome, rate: float, random: np.random.Generator) -> Genome:
        """The genome with each gene drawn again with the probability ``rate``, but one at least."""
        changed = random.random(len(genome)) < rate
        changed[random.integers(len(genome))] = True
        genes = zip(genome, self.sizes, changed, strict=True)
        return tuple(int(random.integers(size)) if is_changed else gene for gene, size, is_changed in genes)

    def within_limits(self, genome: Genome) -> Genome:
        """The nearest genome whose network keeps to the limits, which is the same if its own does."""
        network = self._task.allowed.nearest(self.network(genome))
        slots = list(self._candidates.items())
        return tuple(slots[slot][1].index(network[slots[slot][0]]) for slot in self._choices)

    def network(self, genome: Genome) -> Mapping[str, qnas.Candidate]:
        """The path of each slot to its candidate."""
        gene_of = dict(zip(self._choices, genome, strict=True))
        slots = zip(self._candidates.items(), self._leaders, strict=True)
        return {path: options[gene_of[leader]] for (path, options), leader in slots}
