import pytest


@pytest.fixture(autouse=True)
def own_cache(cache: object) -> None:
    """Each test begins with an empty cache, since most of them are about what is cached."""
