"""Grafana kept in step with PostgreSQL and the repository's files."""
