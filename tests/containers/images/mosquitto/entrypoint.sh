#!/bin/sh
# Starts as root, as the image does, and leaves it to mosquitto.conf to become another user.
set -e
[ "$(id -u)" != 0 ] || chown -R mosquitto:mosquitto /mosquitto
exec "$@"
