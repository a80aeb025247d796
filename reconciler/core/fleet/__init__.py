"""Many targets: which daemon takes which, and which of them may take a new commit."""
