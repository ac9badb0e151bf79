"""Random streams by name: independent, and with the same numbers as ever."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from qnas.core.training import streams
from qnas.core.training.streams import stream, stream_number


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("search weights", 1),
        ("search architecture", 2),
        ("search calibration", 3),
        (streams.STATISTICS, 4),
        (streams.DERIVE, 10),
        (streams.TRAIN, 20),
        ("sample 0", 0),
        ("sample 19", 19),
    ],
)
def test_the_streams_that_runs_were_begun_with_keep_their_numbers(name: str, number: int) -> None:
    assert stream_number(name) == number


@pytest.mark.parametrize("name", ["sample 10", "sample 20", "mutation"])
def test_any_other_name_has_a_number_of_its_own(name: str) -> None:
    assert stream_number(name) > 2**32


def test_the_number_of_a_name_is_the_same_in_every_process() -> None:
    """It is part of a run's bytes."""
    assert stream_number("mutation") == 2**32 + 0xB34666297A3ADA00


@given(st.text(), st.text())
def test_no_two_names_share_a_number(one: str, other: str) -> None:
    assert (stream_number(one) == stream_number(other)) == (one == other)


@pytest.mark.parametrize("position", range(4))
def test_a_stream_is_independent_of_the_batches_of_its_name(position: int) -> None:
    def drawn(random: np.random.Generator) -> list[int]:
        return random.integers(2**32, size=4).tolist()

    batch = drawn(np.random.default_rng((7, stream_number("a"), position)))  # as a sampler draws it
    assert batch not in [drawn(stream(7, "a")), *(drawn(stream(7, "a", place)) for place in range(8))]


def test_seed_name_and_place_each_decide_what_is_drawn() -> None:
    places = [(0, "a"), (1, "a"), (0, "b"), (0, "a", 0), (0, "a", 1), (0, "a", 1, 0)]
    drawn = {tuple(stream(*place).integers(2**32, size=4).tolist()) for place in places}
    assert len(drawn) == len(places)
    assert isinstance(stream(0, "a"), np.random.Generator)
