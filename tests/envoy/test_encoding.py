"""The encoding rejects a field that a message does not have."""

import pytest

from reconciler.core.errors import ReconcilerError
from reconciler.envoy import encoding


def test_an_unknown_field_is_an_error() -> None:
    with pytest.raises(ReconcilerError, match=r"^encoding envoy.config.cluster.v3.Cluster: "):
        encoding.encode(encoding.CLUSTER, {"nonsense": 1})
