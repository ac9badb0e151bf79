"""The searcher: a population of networks, which evolves."""

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import qnas
from pydantic import Field, NonNegativeInt, PositiveFloat, PositiveInt

from qnas_evolution.fitness import Fitness, Inherited, Trained
from qnas_evolution.genome import Genes, Genome


class EvolutionarySearch(qnas.Searcher):
    """Evolves a population of networks (as Real et al. 2017, arXiv 1703.01041, by tournaments; with crossover).

    The first generation is drawn at random. Each child of a later one has two parents, the winners of two tournaments,
    and a few mutations; then the best of all that were ever measured survive. The best has the lowest objective: the
    absolute error on the held-out images plus the penalties of the regularizers. A child that exceeds a limit of the
    spec becomes the nearest network that keeps to it.

    Attributes:
        population: Networks in a generation.
        generations: Generations after the first.
        tournament: Networks of the population that compete to be a parent.
        mutation: Probability that a choice of a child is drawn again; one always is.
        fitness: ``trained`` trains each network for a while. ``inherited`` trains a supernet once, and takes each
            network out of it with its weights: faster if there are many, and less exact.
        steps: Training steps, of each network or of the supernet.
        learning_rate: Of Adam at the start of each training; it falls to 0 along a cosine.
    """

    example: ClassVar = {"population": 2, "generations": 1, "steps": 2, "batch": 2}

    population: Annotated[PositiveInt, Field(ge=2)] = 12
    generations: NonNegativeInt = 5
    tournament: PositiveInt = 3
    mutation: Annotated[float, Field(ge=0, le=1)] = 0.1
    fitness: Literal["trained", "inherited"] = "trained"
    steps: PositiveInt = 100
    learning_rate: PositiveFloat = 1e-3

    def planned_steps(self) -> int:
        """One for each network, after those of the supernet if there is one."""
        measured = self.population * (1 + self.generations)
        return measured + (self.steps if self.fitness == "inherited" else 0)

    def search(self, task: qnas.SearchTask) -> qnas.SearchOutcome:
        """See :meth:`qnas.Searcher.search`."""
        return Evolution(self, task).run()


class Evolution:
    """One search under way.

    What it draws depends on the seed, the number of the child and what was measured before, so its state is the
    list of what was measured.
    """

    def __init__(self, settings: EvolutionarySearch, task: qnas.SearchTask) -> None:
        self.settings = settings
        self.task = task
        self.genes = Genes(task)
        self.measured: list[tuple[Genome, float]] = []
        make = Trained if settings.fitness == "trained" else Inherited
        self.fitness: Fitness = make(task, settings.steps, settings.batch, settings.learning_rate)

    def run(self) -> qnas.SearchOutcome:
        """Search to the end."""
        checkpoints = self.task.checkpoints
        checkpoints.restore(self)
        if not self.measured:
            self.fitness.prepare(lambda step: checkpoints.keep(step, self))
        while len(self.measured) < self.settings.population * (1 + self.settings.generations):
            self._measure(self.genes.within_limits(self._child(len(self.measured))))
            checkpoints.keep(self.fitness.steps + len(self.measured), self)
        best, _ = min(self.measured, key=lambda one: one[1])
        last, _ = self.measured[-1]
        return qnas.SearchOutcome(
            best=self.task.architecture(self.genes.network(best)),
            last=self.task.architecture(self.genes.network(last)),
            details={"networks": len(dict(self.measured))},
        )

    def state_dict(self) -> qnas.State:
        """What was measured, and what it is measured by."""
        measured = [[list(genome), objective] for genome, objective in self.measured]
        return {"measured": measured, "fitness": self.fitness.state_dict()}

    def load_state_dict(self, state: qnas.State) -> None:
        """Go on from there."""
        self.measured = [(tuple(genome), objective) for genome, objective in state["measured"]]
        self.fitness.load_state_dict(state["fitness"])

    def _child(self, number: int) -> Genome:
        """The genome of the network that is measured next."""
        random = self.task.stream("evolution", number)
        generation = number // self.settings.population
        if generation == 0:
            return self.genes.draw(random)
        survivors = self._survivors(generation * self.settings.population)
        mother, father = (self._winner(survivors, random) for _ in range(2))
        return self.genes.mutate(self.genes.cross(mother, father, random), self.settings.mutation, random)

    def _survivors(self, born: int) -> list[tuple[Genome, float]]:
        """The best of the first ``born``, each once, as many as there are in the population."""
        ranked = sorted(dict(self.measured[:born]).items(), key=lambda one: one[1])
        return ranked[: self.settings.population]

    def _winner(self, survivors: list[tuple[Genome, float]], random: np.random.Generator) -> Genome:
        """The best of some that are drawn at random."""
        drawn = random.integers(len(survivors), size=self.settings.tournament)
        return survivors[int(drawn.min())][0]  # they are ranked

    def _measure(self, genome: Genome) -> None:
        """Measure a network, or remember what was measured of it, and report."""
        number, chosen = len(self.measured), self.genes.network(genome)
        known = dict(self.measured).get(genome)
        record: dict[str, Any] = {"generation": number // self.settings.population}
        if known is None:
            psnr, error = self.fitness.measure(chosen, number)
            record["psnr"] = psnr
            known = self.task.objective(error, chosen)
        self.measured.append((genome, known))
        costs = self.task.expected_costs(self.task.rows(chosen))
        self.task.journal.record(self.fitness.steps + number + 1, {**record, "objective": known, **costs})
