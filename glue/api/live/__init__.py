"""Server-sent events of alerts and robots."""
