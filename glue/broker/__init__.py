"""MQTT: the only place that speaks paho."""

from glue.broker.session import BrokerUnavailable, Message, Session, Unconfirmed

__all__ = ["BrokerUnavailable", "Message", "Session", "Unconfirmed"]
