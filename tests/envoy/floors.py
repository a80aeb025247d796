"""``make floors``: runs the tests of the control plane with everything, and prints its floors.

Arguments go to pytest; a floor without any test is skipped.
"""

import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import dataclass, field

import pytest

_ADS_LOAD = "live/test_ads_load.py::"
_SITE = "test_live_envoy.py::"
_LIVE = "live/test_"


@dataclass(frozen=True)
class Floor:
    """One row of the table.

    Attributes:
        words: The subject of the row.
        floor: The condition that must hold, as text.
        tests: The prefixes of the names of its tests.
        cases: A text in the brackets of these names.
        measure: The name of a figure that the tests record, and its limit; the tests assert all
            other conditions.
    """

    words: str
    floor: str
    tests: tuple[str, ...]
    cases: str = ""
    measure: tuple[str, float] | None = None


FLOORS = (
    Floor("manifests of all scenarios", "valid", ("test_scenarios.py::",)),
    Floor("fields of the API", "262 seen or refused", ("test_fields.py::",)),
    Floor("live checks by files", "all", (_LIVE,), "files"),
    Floor("live checks by ADS", "all", (_LIVE,), "ads"),
    Floor(
        "60 times two replaced nodes, failed",
        "0",
        (f"{_ADS_LOAD}test_nodes_replaced_by_the_api",),
        "-0.0",
    ),
    Floor(
        "the same, names after 0.4 s",
        "0",
        (f"{_ADS_LOAD}test_nodes_replaced_by_the_api",),
        "-0.4",
    ),
    Floor(
        "the same without an order",
        "more than 0",
        (f"{_ADS_LOAD}test_without_an_order", f"{_SITE}test_without_its_order"),
    ),
    Floor(
        "a server killed and started again",
        "0 failed, nothing sent",
        (f"{_ADS_LOAD}test_a_server_that_is_killed", f"{_SITE}test_a_server_that_is_killed"),
    ),
    Floor("a replica killed in a change, 10 times", "0 failed", (f"{_SITE}test_a_replica_goes",)),
    Floor(
        "API call to first request elsewhere, 2 nodes",
        "p95 50 ms",
        (f"{_SITE}test_requests_follow_a_call",),
        measure=("2 nodes", 50),
    ),
    Floor(
        "API call to first request elsewhere, 100 nodes",
        "p95 150 ms",
        (f"{_SITE}test_a_large_mesh",),
        measure=("100 nodes with a proxy each", 150),
    ),
    Floor(
        "a new Envoy of a mesh of 100 nodes",
        "answers in 2 s",
        (f"{_SITE}test_a_large_mesh",),
        measure=("start", 2),
    ),
    Floor(
        "a rejection is shown",
        "in 2 s",
        (f"{_SITE}test_a_rejection_is_shown",),
        measure=("rejection", 2),
    ),
    Floor("a bug in the translation", "0 failed", (f"{_SITE}test_a_bug_in_the_translation",)),
    Floor(
        "wrong identities",
        "refused",
        ("test_server_tls.py::", "test_ads_server.py::test_a_wrong_node_id"),
    ),
    Floor(
        "garbage, slow readers, 1,000 connections",
        "hurt no other client",
        (
            "test_ads_server.py::test_garbage",
            "test_ads_server.py::test_bytes",
            "test_ads_server.py::test_a_client_that_never_reads",
            "test_ads_server.py::test_many_clients",
        ),
    ),
    Floor(
        "git push to first request elsewhere",
        "p95 1.5 s",
        ("test_end_to_end.py::",),
        measure=("pushes", 1.5),
    ),
    Floor(
        "a change by hand is undone",
        "in 5 s",
        ("test_end_to_end.py::",),
        measure=("undone", 5),
    ),
)


# Pytest keeps its plugins in sets.
@dataclass(eq=False)
class Reports:
    """A plugin of pytest that keeps the outcomes of all tests and the figures that they record."""

    outcomes: dict[str, str] = field(default_factory=dict)
    figures: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    measured: dict[str, dict[str, float]] = field(default_factory=lambda: defaultdict(dict))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the outcome of a test, which is that of its first phase that did not pass."""
        name = report.nodeid.partition("tests/envoy/")[2]
        if self.outcomes.get(name, "passed") == "passed":
            self.outcomes[name] = report.outcome
        if report.when == "call":
            for key, value in report.user_properties:
                if key == "figure":
                    self.figures[name].append(str(value))
                elif key.startswith("measured: "):
                    self.measured[name][key.removeprefix("measured: ")] = float(str(value))

    def of(self, floor: Floor) -> list[str]:
        """Return the names of the tests of a floor."""
        return [
            name
            for name in self.outcomes
            if name.startswith(floor.tests) and floor.cases in name.partition("[")[2]
        ]

    def verdict(self, floor: Floor) -> str:
        """Return whether the floor holds."""
        names = self.of(floor)
        outcomes = {self.outcomes[name] for name in names} or {"skipped"}
        if "failed" in outcomes:
            return "FAILED"
        if "skipped" in outcomes:
            return "SKIPPED"
        if floor.measure:
            key, limit = floor.measure
            if not all(self.measured[name].get(key, limit) < limit for name in names):
                return "MISSED"
        return "ok"

    def seen(self, floor: Floor) -> list[str]:
        """Return the figures that the tests of a floor recorded."""
        names = self.of(floor)
        if floor.measure:
            key, _ = floor.measure
            return [f"{self.measured[name].get(key, 0):.3g} {_version(name)}" for name in names]
        if floor.tests == (_LIVE,):
            words = [figure.split(": ")[1].split() for it in names for figure in self.figures[it]]
            return [f"{sum(int(it[0]) for it in words if it[1] == 'checks')} checks"]
        return [
            f"{figure.partition(': ')[2]} {_version(name)}"
            for name in names
            for figure in self.figures[name]
        ] or [f"{len(names)} tests"]


def _version(name: str) -> str:
    case = name.partition("[")[2].rstrip("]")
    return next((f"(Envoy {it})" for it in case.split("-") if it.startswith("1.")), "")


def main() -> int:
    """Run the tests, print the table, and return 1 if a floor does not hold."""
    os.environ.setdefault("RECONCILER_FULL", "1")
    reports = Reports()
    files = sorted({f"tests/envoy/{test.partition('::')[0]}" for it in FLOORS for test in it.tests})
    paths = ["tests/envoy/live" if path.endswith("test_") else path for path in files]
    options = ("-q", "-p", "no:randomly", "-p", "no:cacheprovider", "--no-summary")
    pytest.main([*options, *paths, *sys.argv[1:]], plugins=[reports])
    write = sys.stdout.write
    write(f"\nload average {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
    for floor in FLOORS:
        write(f"{reports.verdict(floor):<8} {floor.words}: {floor.floor}\n")
        for line in reports.seen(floor):
            write(f"         {line}\n")
    sys.stdout.flush()
    # gRPC's poller of a process calls the event loops of tests that have ended.
    bench = subprocess.run([sys.executable, "-m", "bench", "envoys"], check=False)
    return any(reports.verdict(floor) != "ok" for floor in FLOORS) or bool(bench.returncode)


if __name__ == "__main__":
    sys.exit(main())
