"""Persistent sessions whose name has changed: what waits in the old one is sent to the new one.

The names carry a random part now. Without it anybody with a robot's login could take the session of
Telegraf or of the glue, and its queue with it. A session cannot be renamed and nothing can be
published to one session alone, so the messages are published once more, on their topics. Who has
read one already reads it twice, which every reader bears (docs/decisions/0014-events-session.md).
Commands and our own heartbeat are of their moment and are not sent again.
"""

from __future__ import annotations

import queue
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage, MQTTMessageInfo, MQTTv5
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties

from glue.broker.session import SESSION_EXPIRY_S, BrokerUnavailable
from glue.settings import Broker

PATIENCE = 10.0
"""Seconds for one answer of the broker."""
WINDOW = 1000
"""Messages on their way at a time."""
_NO_TOPIC = "tonypi-moved/nothing"
"""Nobody subscribes to it; to unsubscribe from it asks the broker for an answer."""
_BROKEN = object()
"""In the place of an answer: the connection broke, and none will come."""


@dataclass(frozen=True)
class Renamed:
    """A session: its old and its new name, what it subscribes to, and the login that it is of."""

    old: str
    new: str
    topics: Sequence[str]
    login: tuple[str, str]


def move(
    broker: Broker, sessions: Sequence[Renamed], again: Callable[[str], bool]
) -> dict[str, int]:
    """Empty the old sessions and remove them; messages that were sent again, by old name. Those on
    topics for which ``again`` is false are removed. Names without a session are left out.

    Raises :class:`BrokerUnavailable`; what was not sent again is still in the old session then.
    """
    waiting: list[tuple[Renamed, _Connection]] = []
    moved: dict[str, int] = {}
    try:
        for session in sessions:
            old = _Connection(broker, session.old, session.login)
            if old.resumed:
                waiting.append((session, old))
            else:
                old.end(0)
        for session, _ in waiting:
            # First of all, so that no message finds neither.
            new = _Connection(broker, session.new, session.login)
            new.subscribe(session.topics)
            new.end(SESSION_EXPIRY_S)
        for session, old in waiting:
            old.unsubscribe(session.topics)
        for session, old in waiting:
            moved[session.old] = _drain(broker, old, again)
            old.end(0)
    finally:
        for _, old in waiting:
            old.close()
    return moved


def _drain(broker: Broker, old: _Connection, again: Callable[[str], bool]) -> int:
    login = (broker.username, broker.password.get_secret_value())
    out = _Connection(broker, f"tonypi-moved-{secrets.token_hex(4)}", login)
    count = 0
    try:
        while messages := old.batch(WINDOW):
            sent = [out.publish(m) for m in messages if again(m.topic)]
            for info in sent:
                out.await_published(info)
            old.acknowledge(messages)
            count += len(sent)
    finally:
        out.end(0)
        out.close()
    return count


class _Connection:
    """One connection, used from one thread; paho's own thread only fills the queues. It is not made
    again when it breaks: what was not acknowledged then stays in the session, for the next try."""

    def __init__(self, broker: Broker, name: str, login: tuple[str, str]) -> None:
        self._answers: queue.Queue[Any] = queue.Queue()
        self._messages: queue.Queue[MQTTMessage] = queue.Queue()
        self._address = f"{broker.host}:{broker.port}"
        client = Client(
            CallbackAPIVersion.VERSION2,
            name,
            protocol=MQTTv5,
            manual_ack=True,
            reconnect_on_failure=False,
        )
        if login[0]:
            client.username_pw_set(*login)
        client.max_inflight_messages_set(WINDOW)
        client.on_connect = lambda _c, _u, flags, reason, _p: self._answers.put((flags, reason))
        client.on_subscribe = lambda *_: self._answers.put(None)
        client.on_unsubscribe = lambda *_: self._answers.put(None)
        client.on_message = lambda _c, _u, message: self._messages.put(message)
        client.on_disconnect = lambda *_: self._answers.put(_BROKEN)
        connect = Properties(PacketTypes.CONNECT)
        connect.ReceiveMaximum = WINDOW
        connect.SessionExpiryInterval = SESSION_EXPIRY_S
        try:
            client.connect(broker.host, broker.port, clean_start=False, properties=connect)
        except OSError as error:
            raise BrokerUnavailable(f"the MQTT broker at {self._address}: {error}") from None
        self._client = client
        client.loop_start()
        flags, reason = self._answer()
        if reason.is_failure:
            self.close()
            raise BrokerUnavailable(f"the MQTT broker at {self._address} refuses us: {reason}")
        self.resumed = bool(flags.session_present)

    def subscribe(self, topics: Sequence[str]) -> None:
        self._client.subscribe([(topic, 1) for topic in topics])
        self._answer()

    def unsubscribe(self, topics: Sequence[str]) -> None:
        self._client.unsubscribe(list(topics))
        self._answer()

    def batch(self, size: int) -> list[MQTTMessage]:
        """At most ``size`` messages; empty when the session has no more. Acknowledge those of
        before first. Raises :class:`BrokerUnavailable` when the connection broke.

        The broker answers in order: what an acknowledgement makes room for is sent before the
        answer to a later request, however long that takes.
        """
        messages = self._arrived(size)
        if not messages:
            self.unsubscribe([_NO_TOPIC])
            messages = self._arrived(size)
        return messages

    def _arrived(self, size: int) -> list[MQTTMessage]:
        messages: list[MQTTMessage] = []
        with suppress(queue.Empty):
            while len(messages) < size:
                messages.append(self._messages.get_nowait())
        return messages

    def publish(self, message: MQTTMessage) -> MQTTMessageInfo:
        return self._client.publish(message.topic, message.payload, 1)

    def await_published(self, info: MQTTMessageInfo) -> None:
        """Wait for the broker's acknowledgement. Raises :class:`BrokerUnavailable`."""
        try:
            info.wait_for_publish(PATIENCE)
            published = info.is_published()
        # paho's, for a message that it did not send: without a connection, or with a full queue.
        except (RuntimeError, ValueError) as error:
            raise BrokerUnavailable(f"the MQTT broker at {self._address}: {error}") from None
        if not published:
            raise BrokerUnavailable(
                f"the MQTT broker at {self._address} does not take what it kept itself"
            )

    def acknowledge(self, messages: Sequence[MQTTMessage]) -> None:
        for message in messages:
            self._client.ack(message.mid, message.qos)

    def end(self, expiry: int) -> None:
        """Disconnect; the broker forgets the session after ``expiry`` seconds."""
        properties = Properties(PacketTypes.DISCONNECT)
        properties.SessionExpiryInterval = expiry
        self._client.disconnect(properties=properties)
        self.close()

    def close(self) -> None:
        self._client.loop_stop()

    def _answer(self) -> Any:
        try:
            answer = self._answers.get(timeout=PATIENCE)
        except queue.Empty:
            answer = _BROKEN
        if answer is _BROKEN:
            self.close()
            raise BrokerUnavailable(f"the MQTT broker at {self._address} does not answer")
        return answer
