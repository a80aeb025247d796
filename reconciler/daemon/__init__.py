"""Daemon: the loop, its wake-ups, its cycles, and notifications to systemd."""
