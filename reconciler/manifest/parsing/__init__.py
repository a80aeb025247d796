"""Parsing of bytes into nodes with positions, and diagnostics."""
