"""Decides nothing: wakes, asks the schedule, runs cycles, stops when told."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from threading import Event

from reconciler.core.schedule import Schedule

TICK_SECONDS = 1.0
# How often the source is looked at though no event came: a watch follows no replaced directory.
LOOK_TICKS = 5
# How long a burst of file events may go on before it is taken for one change.
BURST_SECONDS = 0.4

logger = logging.getLogger(__name__)


def run(
    cycle: Callable[[], None],
    wakes: Iterable[bool],
    fingerprint: Callable[[], str],
    schedule: Schedule,
    clock: Callable[[], float],
) -> None:
    """Run ``cycle`` now, whenever the source has moved, and when the schedule says so.

    ``wakes`` says True where files may have moved, False where only time went by; it ends when
    the daemon shall. The watch is a hint: what counts is the ``fingerprint``, and the schedule.
    """
    started, seen = clock(), fingerprint()
    cycle()
    for tick, hint in enumerate(wakes):
        # What moved before the watch began left no event, so the first wake looks too.
        moved = (hint or tick % LOOK_TICKS == 0) and fingerprint() != seen
        if moved or schedule.due(clock(), started):
            started, seen = clock(), fingerprint()
            cycle()


def watch(paths: Sequence[str], stop: Event) -> Iterator[bool]:
    """Yield True when files in ``paths`` may have moved, False each second; end on ``stop``."""
    # Importing it takes longer than many a verb runs, and only the daemon needs it.
    from watchfiles import watch as events  # noqa: PLC0415

    try:
        for changes in events(
            *paths,
            stop_event=stop,
            watch_filter=None,
            debounce=int(BURST_SECONDS * 1000),
            rust_timeout=int(TICK_SECONDS * 1000),
            yield_on_timeout=True,
            raise_interrupt=False,
        ):
            yield bool(changes)
    except OSError as error:
        logger.warning("files cannot be watched, looking every few seconds instead: %s", error)
        while not stop.wait(TICK_SECONDS):
            yield False
