"""State that one cycle passes to the next: failures, repair loops, resource statuses."""
