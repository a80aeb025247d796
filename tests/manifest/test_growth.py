"""Reading takes time in proportion to what is read, whatever it holds."""

import pytest
from growth import assert_linear
from hostile_manifests import HOSTILE, ORDINARY, Content

from reconciler.manifest.inputs import Inputs
from reconciler.manifest.loading import load_manifests
from reconciler.render import diagnostic_reports as rendered

pytestmark = pytest.mark.slow

# Empty, so that the text that asks for it does not grow beyond what is taken.
INPUTS = Inputs({"A": ""})


def read(manifest: tuple[str, bytes]) -> None:
    """Read a manifest, and say what is wrong with it in every form."""
    loaded = load_manifests([manifest], INPUTS)
    found = loaded.diagnostics
    rendered.text(found, color=True)
    rendered.as_json(loaded)
    for style in (rendered.sarif, rendered.github, rendered.code_quality):
        style(found)


@pytest.mark.sample(12)
@pytest.mark.parametrize(("file", "content"), HOSTILE.values(), ids=HOSTILE)
def test_e29_no_manifest_takes_long(file: str, content: Content) -> None:
    assert_linear(read, lambda size: (file, content(size).encode()))


@pytest.mark.parametrize(("file", "content"), ORDINARY.values(), ids=ORDINARY)
def test_many_resources_take_as_long_as_they_are_many(file: str, content: Content) -> None:
    # Thousands of resources that are right take more time than text that is refused.
    assert_linear(read, lambda size: (file, content(size).encode()), max_seconds=3)
