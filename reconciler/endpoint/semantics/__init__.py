"""The operations of the API, and the checks of requests."""
