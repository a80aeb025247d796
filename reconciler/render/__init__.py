"""Values to text; printing belongs to cli."""
