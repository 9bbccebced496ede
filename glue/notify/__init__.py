"""Telling people: routes, messages, an outbox that is emptied until all is delivered or given up."""
