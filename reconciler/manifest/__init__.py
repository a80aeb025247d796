"""Translation of manifests into desired values, or into diagnostics with positions.

The entry point is ``loading.load_manifests``. This package reads no file and no network.
"""
