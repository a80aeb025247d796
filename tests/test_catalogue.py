"""Which rows of the failure catalogue have a test, and why the others have none."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
CATALOGUE = TESTS / "catalogue.txt"
ID = re.compile(r"[A-Z]\d\d")


@dataclass(frozen=True)
class Row:
    """A failure, and how it stands."""

    id: str
    title: str
    stand: str

    @property
    def by_design(self) -> bool:
        return self.stand.startswith("by design: ")

    @property
    def covered(self) -> bool:
        return self.stand.partition(" by ")[0] == "covered"


def rows() -> list[Row]:
    lines = CATALOGUE.read_text(encoding="utf-8").splitlines()
    return [Row(*line.split(" | ")) for line in lines if not line.startswith("#")]


def names_of_tests() -> set[str]:
    """Return the names of all test functions under tests/."""
    return {
        name
        for file in TESTS.rglob("test_*.py")
        for name in re.findall(r"def (test_\w+)\(", file.read_text(encoding="utf-8"))
    }


def ids_in(name: str) -> set[str]:
    """Return the ids that a test's name carries: test_a01_a02_… has A01 and A02."""
    return {part.upper() for part in name.split("_") if ID.fullmatch(part.upper())}


def test_every_row_is_complete_and_stands_once() -> None:
    found = rows()
    assert len(found) == len({row.id for row in found}) == 162
    for row in found:
        assert ID.fullmatch(row.id)
        assert row.title
        reason = row.stand.partition(": ")[2]
        assert row.covered or (row.stand.startswith(("by design: ", "not yet: ")) and reason), row


def test_what_is_called_covered_has_a_test(
    record_property: Callable[[str, object], None],
) -> None:
    names = names_of_tests()
    carried = set[str]().union(*map(ids_in, names))
    for row in rows():
        if row.stand == "covered":
            assert row.id in carried, f"no test carries {row.id}: {row.title}"
        elif row.covered:
            assert row.stand.removeprefix("covered by ") in names, row
    counted = [row for row in rows() if not row.by_design]
    covered = [row for row in counted if row.covered]
    record_property(
        "figure",
        f"{len(covered)} of {len(counted)} rows of the failure catalogue have a test; "
        f"{len(rows()) - len(counted)} more are left out by design",
    )


def test_what_has_a_test_is_called_covered() -> None:
    carried = set[str]().union(*map(ids_in, names_of_tests()))
    for row in rows():
        assert row.covered or row.id not in carried, f"{row.id} has a test now"
