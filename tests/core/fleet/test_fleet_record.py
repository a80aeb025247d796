"""The shared record of a fleet survives its store, and nothing else passes for it."""

from dataclasses import replace

import pytest

from reconciler.core.fleet.fleet_record import FleetRecord, Member
from reconciler.core.fleet.rollout import Progress, TargetReport, start

RECORD = FleetRecord(
    {"host/1/a": Member(3, 1.5, "f00d", ("prod",), {"waves": "d1", "soak": "0.0"})},
    {"prod": TargetReport("c0ffee", Progress.DRIFT)},
    start("c0ffee").hold(),
    "host/1/a",
)


@pytest.mark.parametrize("record", [FleetRecord(), RECORD])
def test_a_record_is_read_as_it_was_written(record: FleetRecord) -> None:
    assert FleetRecord.parse(str(record)) == record


def test_a_member_of_an_earlier_version_has_no_rules() -> None:
    record = replace(RECORD, members={"a": Member(1)})
    text = str(record).replace(', "rollout": {}', "", 1)
    assert text != str(record)
    assert FleetRecord.parse(text) == record


def test_a_store_that_was_never_written_is_empty() -> None:
    assert FleetRecord.parse(None) == FleetRecord()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        '{"holder": "a", "number": 1}',
        str(RECORD).replace('"schema": 1', '"schema": 2'),
        str(RECORD).replace("drift", "adrift"),
        str(RECORD).replace('"wave"', '"weave"'),
        str(RECORD).replace('"beats": 3', '"beats": "often"'),
        str(RECORD).replace('"since": 1.5', '"since": -1'),
        str(RECORD).replace('"since": 1.5', '"since": 1e300'),
        str(RECORD).replace('"beats": 3', '"beats": Infinity'),
        str(RECORD).replace('"wave": 0', '"wave": "first"'),
        str(RECORD).replace('"wave": 0', '"wave": -1'),
        str(RECORD).replace('"wave": 0', '"wave": null'),
        str(RECORD).replace('"soaked_seconds": 0.0', '"soaked_seconds": NaN'),
        "[" * 100_000,
    ],
)
def test_other_text_is_an_error(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # the text is the message
        FleetRecord.parse(text)
