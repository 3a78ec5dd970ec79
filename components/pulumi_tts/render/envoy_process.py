"""Envoy as a process in its container: started when there is something to read, asked how it is, ended gently.

In bash, which both the official image and ours have, and which is the only client of HTTP there.
"""

from collections.abc import Sequence

from pulumi_tts.render.envoy import OWN_PORT

_ASK = f"""
ask() {{
  exec 3<>/dev/tcp/127.0.0.1/{OWN_PORT} || return
  printf '%s HTTP/1.1\\r\\nHost: guard\\r\\nConnection: close\\r\\n\\r\\n' "$1" >&3
  timeout 2 cat <&3
  exec 3<&-
}}
"""

# Envoy itself ends at once when it is told to, and cuts what is on its way. So it first stops listening, which makes
# clients ask again, and has until the grace is over for what it was asked before.
_RUN = (
    _ASK
    + """
wanted=$1 grace=$2
shift 2
trap 'exit 0' TERM INT
until [ -e "$wanted" ]; do sleep 0.1 & wait $!; done
envoy "$@" &
envoy=$!
gently() {
  trap '' TERM INT
  ask 'POST /drain_listeners?inboundonly' >/dev/null
  for ((step = 0; step < grace * 5; step++)); do
    case $(ask 'GET /stats?filter=^http[.]guard[.]downstream_rq_active$') in *'active: 0'* | '') break ;; esac
    sleep 0.2
  done
  kill $envoy
}
trap gently TERM INT
wait $envoy
wait $envoy
"""
)


def command(wanted: str, grace: int, arguments: Sequence[str]) -> list[str]:
    """Waits for the file ``wanted``, runs Envoy, and lets requests finish for ``grace`` seconds when told to end."""
    return ["/bin/bash", "-c", _RUN, "guard", wanted, str(grace), *arguments]


def health_command() -> list[str]:
    """Whether Envoy is there and has taken its configuration."""
    return ["/bin/bash", "-c", _ASK + "case $(ask 'GET /ready') in *LIVE*) ;; *) exit 1 ;; esac"]
