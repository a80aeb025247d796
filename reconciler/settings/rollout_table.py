"""Checks the table ``[rollout]`` of reconciler.toml: the waves in which targets get a change."""

import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from reconciler.core.errors import UsageError
from reconciler.core.fleet.rollout import Progress, RolloutRules
from reconciler.core.resources import matches_glob, shorten_list
from reconciler.known_secrets import shown

# Returns the file, the line and the name of a key, to begin a message with.
Place = Callable[..., str]

STOPS = (Progress.FAILED, Progress.DRIFT, Progress.WITHHELD)
_FIELDS = ("waves", "soak", "stop_on", "max_unavailable")
_EXAMPLE = 'such as [["shop-dev-*"], ["shop-prod-*"]]'


def parse_rollout(place: Place, table: Any, targets: Sequence[str]) -> RolloutRules:
    """Return the rules of the table, with the names of the targets in each wave.

    Raises:
        UsageError: A setting is unknown or invalid, or a target is not in exactly one wave.
    """
    if not isinstance(table, dict):
        raise UsageError(f"{place('rollout')} must be a table: begin it with a line [rollout]")
    for name in table:
        if name not in _FIELDS:
            fields = ", ".join(_FIELDS)
            raise UsageError(f"{place('rollout', name)} is not a setting; use one of {fields}")
    soak = table.get("soak", 0)
    if type(soak) not in (int, float) or not 0 <= soak <= sys.float_info.max:
        raise UsageError(f"{place('rollout', 'soak')} must be a number of seconds")
    return RolloutRules(
        _waves(place, table, targets),
        float(soak),
        _stop_on(place, table),
        _max_unavailable(place, table, len(targets)),
    )


def _waves(
    place: Place, table: Mapping[str, Any], targets: Sequence[str]
) -> tuple[tuple[str, ...], ...]:
    waves, at = table.get("waves"), place("rollout", "waves")
    if not isinstance(waves, list) or not waves or not all(map(_are_globs, waves)):
        raise UsageError(
            f"{at} must be a list of waves, each a list of targets or globs, {_EXAMPLE}"
        )
    wave_of: dict[str, int] = {}
    for number, wave in enumerate(waves, 1):
        for glob in wave:
            found = [target for target in targets if matches_glob(target, glob)]
            if not found:
                raise UsageError(f"{at}: {shown(glob)} of wave {number} matches no target")
            for target in found:
                before = wave_of.setdefault(target, number)
                if before != number:
                    raise UsageError(
                        f"{at}: {shown(target)} is in wave {before} and in wave {number}: each"
                        " target must be in one wave"
                    )
    missing = [target for target in targets if target not in wave_of]
    if missing:
        raise UsageError(
            f"{at}: no wave has {shown(shorten_list(missing))}: each target must be in one wave"
        )
    return tuple(
        tuple(target for target in targets if wave_of[target] == number)
        for number in range(1, len(waves) + 1)
    )


def _are_globs(wave: Any) -> bool:
    return (
        isinstance(wave, list)
        and bool(wave)
        and all(isinstance(glob, str) and bool(glob) for glob in wave)
    )


def _stop_on(place: Place, table: Mapping[str, Any]) -> frozenset[Progress]:
    names = table.get("stop_on", list(STOPS))
    if not isinstance(names, list) or not all(name in STOPS for name in names):
        choices = ", ".join(STOPS)
        raise UsageError(f"{place('rollout', 'stop_on')} must be a list of some of {choices}")
    return frozenset(map(Progress, names))


def _max_unavailable(place: Place, table: Mapping[str, Any], default: int) -> int:
    count = table.get("max_unavailable", default)
    if type(count) is not int or count < 1:
        raise UsageError(
            f"{place('rollout', 'max_unavailable')} must be a whole number of 1 or more"
        )
    return count
