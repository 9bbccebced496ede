#!/bin/bash
# A new cluster with POSTGRES_USER and POSTGRES_PASSWORD where there is none; never as root.
set -eo pipefail
if [ "$1" = postgres ]; then
  if [ "$(id -u)" = 0 ]; then
    install -d -o postgres -g postgres -m 700 "$PGDATA"
    install -d -o postgres -g postgres -m 3775 /var/run/postgresql
    find "$PGDATA" ! -user postgres -exec chown postgres {} +
    exec gosu postgres "$0" "$@"
  fi
  if [ ! -s "$PGDATA/PG_VERSION" ]; then
    : "${POSTGRES_PASSWORD:?}"
    # The image has this split and expanded by the shell, too.
    eval "initdb --username=\"\$POSTGRES_USER\" --pwfile=<(printf '%s\n' \"\$POSTGRES_PASSWORD\") $POSTGRES_INITDB_ARGS"
    echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
    sed -i "1i listen_addresses = '*'" "$PGDATA/postgresql.conf"
  fi
fi
exec "$@"
