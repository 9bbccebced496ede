"""Commands to robots, and their answers."""
