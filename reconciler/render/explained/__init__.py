"""The examples and remedies of diagnostics and exit codes, for `explain` and the manual."""
