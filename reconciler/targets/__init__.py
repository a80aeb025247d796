"""Places where resources live, each behind the protocol that the engine declares."""
