"""What has to change: the plan, its guards, and what makes it safe to repeat."""
