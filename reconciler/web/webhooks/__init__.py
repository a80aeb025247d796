"""Webhooks of forges: each proves that its sender knows the secret, and requests a cycle."""
