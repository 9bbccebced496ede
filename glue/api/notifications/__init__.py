"""Targets, routes and the outbox of notifications."""
