"""The only place that constructs things and joins them; it decides nothing about meshes.

Manifests and targets are joined apart, so that a verb that needs no target imports none.
"""
