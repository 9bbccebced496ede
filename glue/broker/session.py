"""One MQTT session for asyncio: batches in, acknowledgements out, publishing.

paho reads the socket in its own thread, so the connection stays alive while the event loop works.
Messages wait in a queue that the broker itself bounds: it sends at most ``in_flight`` (MQTT 5
Receive Maximum) before it has seen acknowledgements, and keeps the rest. A message is acknowledged
by its reader, after the work is safe. What was not acknowledged comes again after a reconnect, so
an acknowledgement belongs to the connection that brought the message; a late one is dropped.

What is published with :meth:`Session.publish` may wait for the next connection; what is sent with
:meth:`Session.send` leaves now or never.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from paho.mqtt.client import CallbackAPIVersion, Client, MQTTMessage, MQTTv5
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from glue.settings import Broker

log = structlog.get_logger(__name__)

SESSION_EXPIRY_S = 7 * 24 * 3600
"""How long the broker keeps the queue of an absent glue: as long as InfluxDB keeps its points."""
KEEPALIVE_S = 30
BACKOFF_MIN_S, BACKOFF_MAX_S = 1, 15
NAP_S = 0.02
NOBODY_SUBSCRIBED = 0x10
"""Reason of an acknowledgement (MQTT 5, 3.4.2.1): taken, and there is nobody to give it to."""
OUTGOING_MAX = 10_000
"""Published messages that may wait for the socket; more means the broker does not read."""


class BrokerUnavailable(Exception):
    """The broker cannot be reached, or refused us; worth trying again."""


class Unconfirmed(BrokerUnavailable):
    """The broker did not say that it has taken the message; it may have it nevertheless."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message as it came. ``arrived`` is ``time.monotonic()`` seconds, ``at`` Unix seconds."""

    topic: str
    payload: bytes
    qos: int = 0
    arrived: float = 0.0
    at: float = 0.0
    mid: int = 0
    connection: int = 0
    retained: bool = False
    """Whether the broker keeps it for whoever subscribes; only a session with ``retained`` sees."""


class Session:
    """Connects in the background, again and again, from :meth:`start` to :meth:`stop`.

    ``volatile``: for :meth:`send`; tries to connect each second, and what was not acknowledged
    when the connection broke is dropped. ``retained``: what the broker keeps comes too, at each
    connection, and what is to be kept is marked as such.
    """

    def __init__(
        self,
        settings: Broker,
        client_id: str,
        topics: Iterable[str] = (),
        *,
        qos: int = 1,
        in_flight: int = 1000,
        persistent: bool = False,
        volatile: bool = False,
        retained: bool = False,
    ) -> None:
        self._address = f"{settings.host}:{settings.port}"
        self._settings = settings
        # Retained messages are old news, and would come again at every connection.
        handling = (
            SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE
            if retained
            else SubscribeOptions.RETAIN_DO_NOT_SEND
        )
        options = SubscribeOptions(qos, retainAsPublished=retained, retainHandling=handling)
        self._topics = [(topic, options) for topic in topics]
        self._in_flight = in_flight
        self._persistent = persistent
        self._waiting: deque[Message] = deque()
        self._connection = 0
        self._connected = self._stopping = False
        self._why = "not started"
        self._published = self._sent = 0
        self._unanswered: dict[int, asyncio.Future[bool]] = {}
        self._volatile = volatile
        self.dropped = 0
        """QoS 0 messages that found the queue full: the broker does not hold those back."""
        self._client = self._build(client_id)

    def _build(self, client_id: str) -> Client:
        client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTv5, manual_ack=True)
        if self._settings.username:
            client.username_pw_set(
                self._settings.username, self._settings.password.get_secret_value()
            )
        client.reconnect_delay_set(
            BACKOFF_MIN_S, BACKOFF_MIN_S if self._volatile else BACKOFF_MAX_S
        )
        client.max_inflight_messages_set(1000)
        client.on_connect = self._on_connect
        client.on_connect_fail = self._on_connect_fail
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        client.on_publish = self._on_publish
        return client

    @property
    def connected(self) -> bool:
        return self._connected

    async def start(self, wait: float = 0.0) -> None:
        """Begins to connect. With ``wait`` seconds, raises :class:`BrokerUnavailable` unless
        connected by then (it goes on trying nevertheless, until :meth:`stop`)."""
        self._loop = asyncio.get_running_loop()
        self._arrived = asyncio.Event()
        self._up = asyncio.Event()
        connect = Properties(PacketTypes.CONNECT)
        connect.ReceiveMaximum = self._in_flight
        connect.SessionExpiryInterval = SESSION_EXPIRY_S if self._persistent else 0
        self._client.connect_async(
            self._settings.host,
            self._settings.port,
            keepalive=KEEPALIVE_S,
            clean_start=not self._persistent,
            properties=connect,
        )
        self._why = "no answer yet"
        self._client.loop_start()
        if wait:
            try:
                async with asyncio.timeout(wait):
                    await self._up.wait()
            except TimeoutError:
                raise BrokerUnavailable(
                    f"the MQTT broker at {self._address} does not answer ({self._why}); "
                    "check that it runs, and MQTT_BROKER_HOST and MQTT_BROKER_PORT"
                ) from None

    async def stop(self) -> None:
        """Sends what waits (at most 5 s), disconnects. A persistent session stays at the broker."""
        await self.flush(5.0)
        self._stopping = True
        self._client.disconnect()
        await asyncio.to_thread(self._client.loop_stop)
        self._connected = False

    async def batch(self, limit: int, linger: float, timeout: float = 1.0) -> list[Message]:
        """Up to ``limit`` messages: waits ``timeout`` s for the first, ``linger`` s for more.

        Raises :class:`BrokerUnavailable` when the reading thread has died.
        """
        if not self._waiting:
            await self._more(timeout)
        deadline = time.monotonic() + linger
        # Naps instead of a wake-up for each message: under load the thread that reads needs the
        # interpreter more than we do.
        while 0 < len(self._waiting) < limit and (left := deadline - time.monotonic()) > 0:
            await asyncio.sleep(min(left, NAP_S))
        found = [self._waiting.popleft() for _ in range(min(limit, len(self._waiting)))]
        # What an earlier connection brought was sent again by this one: the copy is the one to
        # store and acknowledge.
        return [m for m in found if self._current(m)]

    def ack(self, messages: Sequence[Message]) -> None:
        """Tells the broker to forget these; call it when the work they asked for is safe."""
        for message in messages:
            if message.qos and message.connection == self._connection:
                self._client.ack(message.mid, message.qos)

    def publish(
        self, topic: str, payload: str | bytes, qos: int = 0, *, retain: bool = False
    ) -> bool:
        """Hands one message to the network thread; False if it cannot leave now.

        QoS 1 messages given while disconnected are sent at the next connection; QoS 0 are not.
        """
        if self._published - self._sent >= OUTGOING_MAX or (qos == 0 and not self._connected):
            return False
        info = self._client.publish(topic, payload, qos, retain)
        if info.rc not in (MQTTErrorCode.MQTT_ERR_SUCCESS, MQTTErrorCode.MQTT_ERR_NO_CONN):
            return False
        if qos == 0 and info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
            return False
        self._published += 1
        return True

    async def send(self, topic: str, payload: str | bytes, *, expiry: int, within: float) -> bool:
        """Hands one message to the broker, QoS 1, now or never: it is not kept for the next
        connection, and the broker keeps it for an absent receiver no longer than ``expiry`` s.
        Whether anybody has subscribed to it.

        Raises :class:`BrokerUnavailable` when it did not leave or was refused,
        :class:`Unconfirmed` when it left and was not acknowledged ``within`` s.
        """
        if not self._connected:
            raise BrokerUnavailable(f"the MQTT broker at {self._address} is away ({self._why})")
        publish = Properties(PacketTypes.PUBLISH)
        publish.MessageExpiryInterval = expiry
        taken: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        info = self._client.publish(topic, payload, 1, properties=publish)
        self._unanswered[info.mid] = taken
        try:
            if info.rc is not MQTTErrorCode.MQTT_ERR_SUCCESS:
                raise BrokerUnavailable(f"the MQTT broker at {self._address} takes nothing now")
            self._published += 1
            async with asyncio.timeout(within):
                return await taken
        except TimeoutError:
            raise Unconfirmed(
                f"the MQTT broker at {self._address} did not acknowledge within {within:g} s"
            ) from None
        finally:
            self._unanswered.pop(info.mid, None)

    async def flush(self, timeout: float) -> bool:
        """Waits until all published messages have left; False when ``timeout`` s were too few."""
        deadline = time.monotonic() + timeout
        while self._connected and self._published > self._sent:
            if time.monotonic() > deadline:
                return False
            await asyncio.sleep(0.01)
        return self._connected

    @property
    def waiting(self) -> int:
        """Messages that have arrived and were not taken by :meth:`batch`."""
        return len(self._waiting)

    @property
    def backlog(self) -> int:
        """Published messages that have not left yet."""
        return self._published - self._sent

    async def _more(self, timeout: float) -> None:
        if not self._client._thread or not self._client._thread.is_alive():
            raise BrokerUnavailable(f"the thread that reads {self._address} has ended")
        self._arrived.clear()
        # Not wait_for, which until Python 3.12 could swallow a cancellation that comes together
        # with what it waits for (python/cpython#86296).
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._arrived.wait()

    def _current(self, message: Message) -> bool:
        return message.qos == 0 or message.connection == self._connection

    def _forget_stale(self) -> None:
        # Else each reconnect while the reader is stuck would add another window of messages.
        # Only this thread pops, and append is atomic, so nothing new is lost.
        for _ in range(len(self._waiting)):
            message = self._waiting.popleft()
            if self._current(message):
                self._waiting.append(message)

    def _answered(self, mid: int, reason: Any) -> None:
        taken = self._unanswered.get(mid)
        if taken is None or taken.done():
            return
        if reason.is_failure:
            taken.set_exception(BrokerUnavailable(f"the MQTT broker refuses it: {reason}"))
        else:
            taken.set_result(reason.value != NOBODY_SUBSCRIBED)

    def _broken(self) -> None:
        for taken in self._unanswered.values():
            if not taken.done():
                taken.set_exception(
                    Unconfirmed(f"the connection to {self._address} broke ({self._why})")
                )

    def _soon(self, call: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has closed: nobody waits any more
            self._loop.call_soon_threadsafe(call)

    # What follows runs in paho's thread.

    def _on_connect(self, client: Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
        if reason.is_failure:
            self._lost(str(reason))
            return
        self._connection += 1
        if self._volatile:
            # paho would send them now, however old they are; who waited was told long ago.
            client.drop_out_messages()
        self._sent = self._published  # what waited in the old socket is gone, or counted twice
        self._connected = True
        self._why = ""
        log.info("broker.connected", address=self._address)
        if self._topics:
            client.subscribe(self._topics)
        self._soon(self._forget_stale)
        self._soon(self._up.set)

    def _on_connect_fail(self, _: Client, __: Any) -> None:
        self._lost("connection refused, or no such host")

    def _on_disconnect(self, _: Client, __: Any, ___: Any, reason: Any, ____: Any) -> None:
        if self._connected and not self._stopping:
            self._lost(str(reason))

    def _lost(self, why: str) -> None:
        self._connected = False
        self._soon(self._broken)
        if why != self._why:
            self._why = why
            log.warning("broker.away", address=self._address, why=why)

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        if message.qos == 0 and len(self._waiting) >= self._in_flight:
            self.dropped += 1
            return
        self._waiting.append(
            Message(
                message.topic,
                bytes(message.payload),
                message.qos,
                time.monotonic(),
                time.time(),
                message.mid,
                self._connection,
                message.retain,
            )
        )
        if not self._arrived.is_set():
            self._soon(self._arrived.set)

    def _on_publish(self, _: Client, __: Any, mid: int, reason: Any, ___: Any) -> None:
        self._sent += 1
        if self._volatile:
            self._soon(lambda: self._answered(mid, reason))
