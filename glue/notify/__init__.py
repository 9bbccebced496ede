"""Telling people: routes, messages, an outbox emptied until all is delivered or given up."""
