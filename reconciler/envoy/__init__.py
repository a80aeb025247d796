"""Translates App Mesh resources to the configuration of Envoys.

Everything except the files is pure: a snapshot of the resources and the key of one proxy give the
clusters, endpoints, listeners and route tables of this proxy, and the losses.
"""
