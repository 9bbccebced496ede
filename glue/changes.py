"""What changed in PostgreSQL, handed to whoever waits for it."""
