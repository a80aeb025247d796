"""Settings of a run: the table of options, reconciler.toml, and the target that they select."""
