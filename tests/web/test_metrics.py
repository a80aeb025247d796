"""What Prometheus scrapes: the figures are right, and no label is anybody's to choose."""

import re

import pytest
from builders import desired, plan
from prometheus_client.parser import text_string_to_metric_families
from web.samples import COMMIT, HOSTILE, NOW, calm, status

from reconciler.core.exit_codes import ExitCode
from reconciler.core.report import Applied, Failed
from reconciler.core.source_revision import SourceRevision
from reconciler.core.state.daemon_status import DaemonStatus, ResourceStatus, State
from reconciler.web.metrics import Metrics


def figures(shown: DaemonStatus, metrics: Metrics | None = None) -> dict[str, float]:
    """Return every sample by its name and labels."""
    text = (metrics or Metrics()).exposition(shown, NOW)[0].decode()
    return {
        f"{sample.name}{{{','.join(sorted(sample.labels.values()))}}}": sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_cycles_and_outcomes_are_counted() -> None:
    metrics = Metrics()
    create, another = plan(desired("a"), desired("b")).changes
    metrics.count_cycle(calm())
    metrics.count_outcome(Applied(create))
    metrics.count_outcome(Failed(another, "why"))
    metrics.count_cycle(status())
    found = figures(calm(), metrics)
    assert found["mesh_reconciler_cycles_total{ok}"] == 1
    assert found["mesh_reconciler_cycles_total{partial}"] == 1
    assert found["mesh_reconciler_cycles_total{error}"] == 0
    assert found["mesh_reconciler_cycle_seconds_count{}"] == 2
    assert found["mesh_reconciler_cycle_seconds_sum{}"] == 2
    assert found["mesh_reconciler_outcomes_total{applied,create}"] == 1
    assert found["mesh_reconciler_outcomes_total{create,failed}"] == 1
    assert found["mesh_reconciler_outcomes_total{delete,failed}"] == 0
    assert found["mesh_reconciler_last_success_timestamp_seconds{}"] == NOW - 12


def test_a_clock_that_was_set_back_makes_no_negative_cycle() -> None:
    metrics = Metrics()
    metrics.count_cycle(calm(cycle_started_at=NOW, cycle_finished_at=NOW - 5))
    assert figures(calm(), metrics)["mesh_reconciler_cycle_seconds_sum{}"] == 0


def test_a_cycle_that_has_not_ended_does_not_count() -> None:
    metrics = Metrics()
    metrics.count_cycle(calm(exit_code=None))
    metrics.count_cycle(calm(cycle_finished_at=None))
    assert figures(calm(), metrics)["mesh_reconciler_cycle_seconds_count{}"] == 0


def test_what_stands_is_shown() -> None:
    found = figures(status())
    assert found["mesh_reconciler_resources{withheld}"] == 2
    assert found["mesh_reconciler_resources{in_sync}"] == 1
    assert found["mesh_reconciler_drifted_resources{}"] == 2
    assert found["mesh_reconciler_oldest_drift_seconds{}"] == 1_260
    assert found["mesh_reconciler_api_calls_total{ListMeshes}"] == 84
    assert found["mesh_reconciler_api_answers_total{throttled}"] == 3
    assert found["mesh_reconciler_source_valid{}"] == 0
    assert found["mesh_reconciler_target_readable{}"] == 0
    assert figures(calm())["mesh_reconciler_target_readable{}"] == 1
    assert found["mesh_reconciler_leading{}"] == 1
    assert found["mesh_reconciler_last_attempt_timestamp_seconds{}"] == NOW - 13
    assert found["mesh_reconciler_build_info{0.1.0}"] == 1


def test_before_the_first_cycle_nothing_is_there_but_zeros() -> None:
    before = calm(cycle=0, cycle_started_at=None, cycle_finished_at=None, exit_code=None,
                  resources=(), error="no answer", is_leader=False)  # fmt: skip
    found = figures(before)
    assert found["mesh_reconciler_last_attempt_timestamp_seconds{}"] == 0
    assert found["mesh_reconciler_last_success_timestamp_seconds{}"] == 0
    assert found["mesh_reconciler_oldest_drift_seconds{}"] == 0
    assert found["mesh_reconciler_target_readable{}"] == 0
    assert found["mesh_reconciler_leading{}"] == 0


@pytest.mark.parametrize("state", [State.FAILED, State.WITHHELD])
def test_drift_that_is_not_repaired_is_drift_whatever_came_of_it(state: State) -> None:
    drifted = status().resources[1]
    failing = ResourceStatus(drifted.key, state, NOW - 60, cause=drifted.cause)
    found = figures(calm(resources=(failing,)))
    assert found["mesh_reconciler_oldest_drift_seconds{}"] == 60


def test_drift_of_what_is_suspended_raises_no_alert() -> None:
    drifted = status().resources[1]
    paused = ResourceStatus(drifted.key, State.SUSPENDED, NOW - 60, cause=drifted.cause)
    found = figures(calm(resources=(paused,)))
    assert found["mesh_reconciler_oldest_drift_seconds{}"] == 0
    assert found["mesh_reconciler_drifted_resources{}"] == 0


def test_e16_no_name_of_a_resource_and_no_url_is_in_them() -> None:
    metrics = Metrics()
    for change in plan(*(desired(f"m{number}") for number in range(500))).changes:
        metrics.count_outcome(Failed(change, HOSTILE))
    text = metrics.exposition(status(error=HOSTILE), NOW)[0].decode()
    for name in ("legacy", "ledger", "somebody-else", "img", "manifests/", "127.0.0.1", "m499"):
        assert name not in text
    labels = set(re.findall(r'(\w+)="', text))
    assert labels == {
        *("result", "le", "verb", "outcome", "version", "state", "operation"),
        *("commit", "dirty"),
    }
    assert len(text.splitlines()) < 150


def test_the_commit_of_the_manifests_is_a_series() -> None:
    name = "mesh_reconciler_source_info"
    assert figures(status())[f"{name}{{{COMMIT},false}}"] == 1
    dirty = SourceRevision(COMMIT, HOSTILE, HOSTILE, dirty=True)
    assert figures(status(revision=dirty))[f"{name}{{{COMMIT},true}}"] == 1
    assert not [key for key in figures(status(revision=None)) if key.startswith(name)]


def test_every_exit_code_of_a_cycle_begins_at_zero() -> None:
    found = figures(calm())
    for code in (ExitCode.OK, ExitCode.ERROR, ExitCode.MANIFESTS, ExitCode.LOCKED):
        assert found[f"mesh_reconciler_cycles_total{{{code.name.lower()}}}"] == 0
