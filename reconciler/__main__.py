"""python -m reconciler."""

import gc
import os
import sys

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
INTERRUPTED = 130
# What a run makes it keeps: a search for garbage at every 700 objects, the default, finds none.
GC_THRESHOLD = 10_000


def main() -> None:
    """Run the command line and exit with its code."""
    _open_missing_streams()
    gc.set_threshold(GC_THRESHOLD)
    try:
        # Imported here, so that Ctrl-C during the imports is no stack trace either.
        from reconciler.cli.main import main as run  # noqa: PLC0415

        code = run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        # Reads that are still under way have nothing to finish, and a person waits.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    # The interpreter would search everything once more before it gives it all back.
    gc.freeze()
    sys.exit(code)


def _open_missing_streams() -> None:
    """Put nothing where a standard stream was closed: a file opened later must not become it."""
    for number, (name, mode) in enumerate(STREAMS):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
