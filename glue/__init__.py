"""Glue of the robot observability stack: robots, users and limits in PostgreSQL,
alerts recorded once, Grafana kept in step."""
