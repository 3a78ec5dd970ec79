#!/bin/sh
# As the official image: options and Traefik's own commands need no leading `traefik`; anything else is run.
set -e
case "$1" in
    -* | healthcheck | version) set -- traefik "$@" ;;
esac
exec "$@"
