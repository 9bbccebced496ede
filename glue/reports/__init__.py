"""Reports: read, composed, rendered, kept; asked for by people and by schedules, and sent."""
