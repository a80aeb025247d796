"""Which callers reach which services and nodes, by the routing rules that the API documents.

The model says only what follows from these rules. If two routes match a request and the API does
not document which of them is first, the answer to the request is not known.
"""
