"""The real command, killed at every call that it makes."""
