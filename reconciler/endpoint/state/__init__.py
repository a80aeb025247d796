"""Where the resources are kept."""
