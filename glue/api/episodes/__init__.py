"""Alerts: lists, figures, what people do with them."""
