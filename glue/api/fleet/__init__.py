"""Robots, their limits, commands and jobs."""
