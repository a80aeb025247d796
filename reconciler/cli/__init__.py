"""Command line: reads options, runs one command, and returns its exit code."""
