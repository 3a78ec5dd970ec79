"""A program that reads its files again when it is told to, as a process in its container: told when one changes.

In what every sh has, and the tools of busybox: the official images have no more.
"""

from collections.abc import Sequence

_RUN = """
files=$1
shift
look() { cat "$files"/* | md5sum; }
until [ "$(ls "$files" 2>/dev/null)" ]; do sleep 1; done
seen=$(look)
"$@" &
program=$!
trap 'kill -TERM $program' TERM INT
while kill -0 $program 2>/dev/null; do
  sleep 2 &
  wait $!
  now=$(look)
  if [ "$now" != "$seen" ]; then seen=$now; kill -HUP $program; fi
done
wait $program
"""


def command(files: str, program: Sequence[str]) -> list[str]:
    """Runs a program, and sends it SIGHUP within two seconds of a change of any file in ``files``.

    Told to end, it lets the program end, and ends with its status.
    """
    return ["/bin/sh", "-c", _RUN, "reloading", files, *program]
