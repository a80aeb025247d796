"""The decisions, pure: no I/O, no clock, no randomness, no logging, no pydantic, no boto3."""
