"""HTTP server for ASGI applications: listens, enforces limits, stops.

It is independent of the applications, the local App Mesh API and the status of the daemon.
"""
