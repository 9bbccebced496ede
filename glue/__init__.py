"""Glue of the robot observability stack: robots, users and limits in PostgreSQL,
alerts recorded once, Grafana kept in step."""

__version__ = "0.1.0"
"""Also where the package is not installed, as in the image."""
