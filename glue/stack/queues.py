"""The queues of Telegraf and the glue under their names of before: emptied into those of today."""

from __future__ import annotations

from glue.broker import moved
from glue.core import events
from glue.core.topics import TopicModel
from glue.settings import Broker

FORMER = {"glue": "tonypi-glue", "telegraf": "tonypi-telegraf"}
"""Client ids of earlier releases, and the defaults where no stack chose others."""


def move(broker: Broker, model: TopicModel) -> dict[str, int]:
    """Messages that were moved, by the former name of their session; empty when there was none.
    Call it while neither reads. Raises :class:`glue.broker.BrokerUnavailable`."""
    glue = (broker.username, broker.password.get_secret_value())
    telegraf = ("telegraf", broker.telegraf_password.get_secret_value())
    every = [f"{model.root}/#"]
    sessions = [
        moved.Renamed(FORMER["glue"], broker.glue_client_id, events.SUBSCRIPTIONS, glue),
        moved.Renamed(
            FORMER["telegraf"],
            broker.telegraf_client_id,
            every,
            telegraf if telegraf[1] and glue[0] else glue,
        ),
    ]
    return moved.move(broker, [s for s in sessions if s.old != s.new], lambda t: is_sent(t, model))


def is_sent(topic: str, model: TopicModel) -> bool:
    """Whether robots send on ``topic``; what the glue sends is of its moment."""
    root, _, rest = topic.partition("/")
    family = rest.partition("/")[0]
    if root == model.root and family in model.controls:
        return topic in events.RESPONSES
    return topic != model.heartbeat.topic
