#!/bin/bash
# GF_NAME__FILE is read into GF_NAME, and refused where both are set; then the server, as the image.
set -e
for name in $(env | sed -n 's/^\(GF_[A-Z0-9_]*\)__FILE=.*/\1/p'); do
  file="${name}__FILE"
  [ -z "${!name}" ] || { echo "ERROR: Both $name and $file are set (but are exclusive)" >&2; exit 1; }
  export "$name"="$(cat "${!file}")"
  unset "$file"
done
export HOME="$GF_PATHS_HOME"
exec grafana server --homepath="$GF_PATHS_HOME" --config="$GF_PATHS_CONFIG" --packaging=docker "$@" \
  cfg:default.log.mode=console cfg:default.paths.data="$GF_PATHS_DATA" cfg:default.paths.logs="$GF_PATHS_LOGS" \
  cfg:default.paths.plugins="$GF_PATHS_PLUGINS" cfg:default.paths.provisioning="$GF_PATHS_PROVISIONING"
