"""HTTP in front of the operations."""
