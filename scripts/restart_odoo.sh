#!/usr/bin/env bash
# Restarts Odoo: the systemd unit where there is one, else the server that `./lokario serve` runs in this folder.
set -eu
cd "$(dirname "$0")/.."
if systemctl is-active --quiet lokario 2>/dev/null; then
    exec systemctl restart lokario
fi
state=${LOKARIO_STATE:-.lokario}
pid=$(cat "$state/serve.pid" 2>/dev/null || true)
if [ -n "$pid" ] && kill -HUP "$pid" 2>/dev/null; then
    echo "Odoo (process $pid) restarts."
else
    echo "Nothing to restart: neither the unit lokario nor ./lokario serve runs. Start one of them." >&2
    exit 1
fi
