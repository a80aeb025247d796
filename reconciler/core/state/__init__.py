"""What one cycle leaves for the next: failures, repair loops, and the status of each resource."""
