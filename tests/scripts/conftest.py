import pytest

from tests.scripts.running import Nursery


@pytest.fixture(scope="session")
def nurseries():
    """Two processes that have imported torch: scripts are forked from them."""
    pair = Nursery(), Nursery()
    yield pair
    for one in pair:
        one.close()
