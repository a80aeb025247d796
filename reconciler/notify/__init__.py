"""Notifications to receivers: webhooks and chat rooms. No cycle waits for a receiver."""
