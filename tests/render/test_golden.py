"""What a plan with everything in it looks like in every form.

``python tests/update_goldens.py`` writes the golden files anew.
"""

import pytest
from sample_plan import RENDERINGS
from update_goldens import RENDERED


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", RENDERINGS)
def test_a_rendering_is_as_it_was_agreed_to(name: str) -> None:
    assert RENDERINGS[name]() == (RENDERED / name).read_text("utf-8")


def test_every_golden_file_has_its_rendering() -> None:
    assert {path.name for path in RENDERED.iterdir()} == set(RENDERINGS)
