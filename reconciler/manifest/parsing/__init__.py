"""Bytes to nodes with positions, and the diagnostics on the way."""
