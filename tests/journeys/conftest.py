"""What journeys start from."""

import pytest
from journeys.environments import World

from reconciler.endpoint import LocalEndpoint


@pytest.fixture
def world(here: object, endpoint: LocalEndpoint) -> World:
    """Return an empty world, in which one call is made at a time."""
    del here
    return World(endpoint)
