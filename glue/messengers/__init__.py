"""Where messages go: Apprise, spoken here alone."""
