"""One module for each command: it reads its options, calls the rest, and returns an exit code."""
