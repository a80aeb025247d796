"""What to break, and how it shows."""
