"""Targets that implement the protocol of the engine."""
