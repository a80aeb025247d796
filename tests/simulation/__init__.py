"""The real engine against a model of App Mesh, under every fault at every call."""
