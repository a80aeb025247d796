"""Checks of the command `doctor`, their results and their output."""
