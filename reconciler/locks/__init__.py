"""Leases that let one of several replicas write, kept in a file or a table."""
