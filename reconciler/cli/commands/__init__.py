"""Commands, one module each; ``run`` returns the exit code."""
