#!/bin/sh
# As the official image, but for changing users: options need no leading `envoy`; anything else is run.
set -e
case "$1" in
    -*) set -- envoy "$@" ;;
esac
exec "$@"
