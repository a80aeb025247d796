"""The line of a key in a TOML file, in each form that a key may have."""

import pytest

from reconciler.settings.toml_lines import line_of

TEXT = """\
top = 1
targets.dotted.accounts = ["1"]

[targets."a.b"]  # with a comment
owner = "x"
list = [
  "owner = 'no'",
]
"quoted key" = "="
[targets.c]
inline = { inner = 1 }
[[notify]]
type = "slack"
"""


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("top",), 1),
        (("targets", "dotted"), 2),
        (("targets", "dotted", "accounts"), 2),
        (("targets", "a.b"), 4),
        (("targets", "a.b", "owner"), 5),
        (("targets", "a.b", "list"), 6),
        (("targets", "a.b", "quoted key"), 9),
        (("targets", "a.b", "missing"), 4),
        (("targets", "c", "inline", "inner"), 11),
        (("notify", "type"), 13),
        (("nowhere",), None),
    ],
)
def test_a_key_has_the_line_that_sets_it(path: tuple[str, ...], line: int | None) -> None:
    assert line_of(TEXT, path) == line
