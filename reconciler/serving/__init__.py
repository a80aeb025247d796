"""HTTP on a socket, for whoever has an ASGI application: listening, bounding, stopping.

It knows nothing of what is said over it: neither the App Mesh API nor the daemon's status.
"""
