"""Commands to robots, and their answers.

A session of its own sends them, so that no backlog of events stands between a robot's answer and
whoever waits for it. It keeps nothing: what cannot leave now is refused, what nobody fetches from
the broker in time goes, because a robot that starts to walk minutes later hurts somebody.
"""

from glue.commands import emergency, orders
from glue.commands.commander import Commander
from glue.commands.emergency import Report
from glue.commands.orders import Order, Outcome

__all__ = ["Commander", "Order", "Outcome", "Report", "emergency", "orders"]
