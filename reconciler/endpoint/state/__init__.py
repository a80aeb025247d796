"""The storage of the endpoint."""
