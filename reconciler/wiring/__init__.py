"""Constructs the parts of a run and connects them; contains no decisions about meshes.

Manifests and targets are in separate modules, so that a command without a target imports no SDK.
"""
