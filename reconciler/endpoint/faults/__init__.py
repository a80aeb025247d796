"""Injected faults and their effects on responses."""
