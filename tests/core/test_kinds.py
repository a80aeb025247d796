"""Keys as users type them."""

import pytest
from builders import mesh

from reconciler.core.errors import UsageError
from reconciler.core.kinds import parse_key


def test_a_key_is_read_back_as_it_is_written() -> None:
    assert parse_key(str(mesh("payments"))) == mesh("payments")


@pytest.mark.parametrize("text", ["", "payments", "mesh", "mesh/", "mesh/a/b", "pod/a"])
def test_what_is_no_key_is_refused_with_the_shape_of_one(text: str) -> None:
    with pytest.raises(UsageError, match="mesh"):
        parse_key(text)
