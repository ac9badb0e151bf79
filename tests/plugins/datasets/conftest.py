import pytest


@pytest.fixture(autouse=True)
def own_cache(cache: object) -> None:
    """Each test begins with an empty cache: what is cached is what most of them are about."""
