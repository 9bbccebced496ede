"""Signing in to the API, users, tokens of machines."""
