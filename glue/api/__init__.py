"""The HTTP API: one file a noun; roles declared on every route; one error shape."""
