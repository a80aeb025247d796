"""What a plan with everything in it looks like in every form.

``python tests/goldens.py`` writes the golden files anew.
"""

import pytest
from goldens import RENDERED
from rich_plan import RENDERINGS


@pytest.mark.parametrize("name", RENDERINGS)
def test_a_rendering_is_as_it_was_agreed_to(name: str) -> None:
    assert RENDERINGS[name]() == (RENDERED / name).read_text("utf-8")


def test_every_golden_file_has_its_rendering() -> None:
    assert {path.name for path in RENDERED.iterdir()} == set(RENDERINGS)
