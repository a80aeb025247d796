"""Entry point of ``python -m reconciler``."""

import gc
import os
import sys

STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
INTERRUPTED = 130
# A run keeps nearly all its objects, so a collection after every 700 new ones finds nothing.
GC_THRESHOLD = 10_000


def main() -> None:
    """Run the command line and exit with its code."""
    _open_missing_streams()
    gc.set_threshold(GC_THRESHOLD)
    # Imports leave no garbage; the command turns the collector on when they are done.
    gc.disable()
    # Plugins of other packages must not see manifests, and a search for them takes milliseconds.
    os.environ["PYDANTIC_DISABLE_PLUGINS"] = "__all__"
    try:
        # Imported here, so that Ctrl-C during the imports prints no stack trace.
        from reconciler.cli.main import main as run  # noqa: PLC0415

        code = run()
    except KeyboardInterrupt:
        code = INTERRUPTED
    if code == INTERRUPTED:
        # Do not wait for reads in progress: the user pressed Ctrl-C.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    # Without this, the interpreter runs a full collection at exit.
    gc.freeze()
    sys.exit(code)


def _open_missing_streams() -> None:
    """Open /dev/null for each closed standard stream, so that no later file gets its number."""
    for number, (name, mode) in enumerate(STREAMS):
        if getattr(sys, name) is None:
            devnull = os.open(os.devnull, os.O_RDWR)
            if devnull != number:
                os.dup2(devnull, number)
            setattr(sys, name, open(number, mode, encoding="utf-8", closefd=False))  # noqa: SIM115


if __name__ == "__main__":
    main()
