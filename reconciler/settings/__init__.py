"""What a run was told: every knob, reconciler.toml, and the target that they name."""
