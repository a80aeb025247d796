"""The graph of meshes as a tree, Mermaid, DOT, SVG and JSON."""
