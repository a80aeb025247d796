"""Forges whose CI jobs run the reconciler, read from their environment and their REST APIs.

To add a forge, add a module that implements `Forge` and a row in ``reconciler.wiring.forges``.
"""
