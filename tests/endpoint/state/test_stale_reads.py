"""What was a moment ago is remembered for the resources written last, and for no others."""

from endpoint.state.worlds import MESHES, mesh

from reconciler.endpoint.state.stale_reads import Lag, WriteHistory


def test_the_resources_written_last_are_remembered() -> None:
    past = WriteHistory()
    now = mesh("now")
    for number in range(1001):
        past.record(MESHES, f"m{number}", None, number)
    assert past.read(MESHES, "m0", now, Lag(versions=1), 0) is now
    assert past.read(MESHES, "m1", now, Lag(versions=1), 0) is None


def test_sixteen_states_are_the_most() -> None:
    past = WriteHistory()
    states = [mesh(f"{number}") for number in range(20)]
    for number, state in enumerate(states):
        past.record(MESHES, "m", state, number)
    seen = past.read(MESHES, "m", None, Lag(versions=99), 0)
    assert seen is states[4]


def test_seconds_are_counted_from_now() -> None:
    past = WriteHistory()
    first, second = mesh("first"), mesh("second")
    past.record(MESHES, "m", None, 1000)
    past.record(MESHES, "m", first, 2000)
    at = [past.read(MESHES, "m", second, Lag(seconds=5), now) for now in (5999, 6000, 6999, 7000)]
    assert at == [None, first, first, second]
    past.clear()
    assert past.read(MESHES, "m", second, Lag(seconds=5), 0) is second
