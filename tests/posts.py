"""What others post to ``/webhooks/grafana``."""


def rule_url(uid: str, org: int = 1) -> str:
    """``generatorURL`` of an alert of Grafana's rule ``uid``."""
    return f"http://127.0.0.1:3000/alerting/grafana/{uid}/view?orgId={org}"
