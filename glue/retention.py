"""How long things are kept: log lines, idempotency keys and sessions go; alerts and reports stay."""
