"""Detection of formats, and one module for each format."""
