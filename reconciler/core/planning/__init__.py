"""The plan, its guards, and the parts that make a retry safe."""
