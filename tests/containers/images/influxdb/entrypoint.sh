#!/bin/bash
# Owns its folders and leaves root. A 1.x, where no 2.x can be had, is given the same data folder.
set -eo pipefail
chown -R influxdb /var/lib/influxdb2 /etc/influxdb2
if influxd version | grep -q 'InfluxDB v\?[2d]'; then
  export INFLUXD_CONFIG_PATH=/etc/defaults/influxdb2/config.yml
  exec gosu influxdb "$@"
fi
export INFLUXDB_META_DIR=/var/lib/influxdb2/meta INFLUXDB_DATA_DIR=/var/lib/influxdb2/data
export INFLUXDB_DATA_WAL_DIR=/var/lib/influxdb2/wal INFLUXDB_DATA_INDEX_VERSION=tsi1
export INFLUXDB_HTTP_AUTH_ENABLED=true INFLUXDB_HTTP_FLUX_ENABLED=true INFLUXDB_REPORTING_DISABLED=true
exec gosu influxdb influxd run
