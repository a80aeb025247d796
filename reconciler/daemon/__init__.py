"""The daemon's loop, what wakes it, and what it tells its supervisor; decides no change."""
