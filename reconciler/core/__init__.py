"""Pure decisions: without I/O, clock, randomness, logging, pydantic and boto3."""
