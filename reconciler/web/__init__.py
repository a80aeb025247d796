"""The daemon seen from outside and talked to, over HTTP: health, metrics, status, its page."""
