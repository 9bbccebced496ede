"""Alerts: what Grafana or the standby evaluator saw becomes episodes, each recorded once."""
