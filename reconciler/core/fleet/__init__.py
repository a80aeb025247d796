"""Fleets: the assignment of targets to daemons, and the rollout of a revision in waves."""
