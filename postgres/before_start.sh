#!/bin/sh
# Before PostgreSQL starts in a container, in the image that it will run in (docker-compose.yml,
# init-postgres): sh before_start.sh DATA CLIENT
#
# 1. Refuses data that another major version wrote; the server would end, and be started, for ever.
# 2. Leaves pg_dump and pg_restore of this very version in CLIENT, for `tonypi backup` in the glue's
#    container. With all libraries they use: the two images need not be of the same distribution.
set -eu
data=$1 client=$2
programs=$(dirname "$(readlink -f "$(command -v postgres)")")
version=$(postgres --version)
here=$(echo "$version" | sed 's/^[^0-9]*\([0-9]*\).*/\1/')

if [ -s "$data/PG_VERSION" ]; then
  wrote=$(cat "$data/PG_VERSION")
  if [ "$wrote" != "$here" ]; then
    cat >&2 <<END
The data in the volume postgres-data were written by PostgreSQL $wrote, which no other version reads,
and POSTGRES_IMAGE is PostgreSQL $here. Nothing was started or changed. Set POSTGRES_IMAGE in .env to an
image of PostgreSQL $wrote; without that line it is 15.
END
    if [ "$wrote" -lt "$here" ]; then
      echo 'To go over: "Another PostgreSQL" in docs/docker.md (a backup, and its restore).' >&2
    fi
    exit 1
  fi
fi

# Again only for another version: a backup may be using what is there.
if [ "$(cat "$client/version" 2>/dev/null)" != "$version" ]; then
  rm -rf "$client/version" "$client/bin" "$client/lib"
  mkdir -p "$client/bin" "$client/lib"
  for name in pg_dump pg_restore; do
    cp -L "$programs/$name" "$client/lib/$name"
    # The loader is among them.
    for library in $(ldd "$programs/$name" | grep -o '/[^ ]*'); do
      cp -L "$library" "$client/lib/"
    done
    loader=$(ls "$client/lib" | grep '^ld-' | head -n 1)
    cat > "$client/bin/$name" <<END
#!/bin/sh
lib=\$(dirname "\$0")/../lib
exec "\$lib/$loader" --library-path "\$lib" "\$lib/$name" "\$@"
END
    chmod 755 "$client/bin/$name"
  done
  echo "$version" > "$client/version"
fi
