"""What the operations of the API do and check."""
