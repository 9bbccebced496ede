"""The OpenID Connect provider, by which people sign in to Grafana."""
