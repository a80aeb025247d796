"""Detection, and one module for each format."""
