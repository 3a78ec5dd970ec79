"""The guard's access log: a line of JSON for each request (docs/logs.md)."""

from pulumi_tts.plan.auth import USER_HEADER
from pulumi_tts.plan.front import FrontPlan
from pulumi_tts.plan.guard import INSTANCE_HEADER, POOL_HEADER, ROUTE_HEADER
from pulumi_tts.render.envoy_parts import Tree, extension


def access_logs(front: FrontPlan, folder: str | None) -> list[Tree]:
    """Where the front's connection manager tells of each request, when it is over: its output, and a file of a
    ``folder`` if there is one."""
    line = {"json_format": _line(front)}
    logs = [extension("envoy.access_loggers.stdout", "access_loggers.stream.v3.StdoutAccessLog", log_format=line)]
    if folder:
        kind = "access_loggers.file.v3.FileAccessLog"
        logs.append(extension("envoy.access_loggers.file", kind, path=f"{folder}/guard.log", log_format=line))
    return logs


def _line(front: FrontPlan) -> dict[str, str]:
    return {
        "timestamp": "%START_TIME%",
        "method": "%REQ(:METHOD)%",
        # As the engine sees it: the edge has taken a route's prefix away.
        "path": "%PATH(WQ)%" if front.query_in_logs else "%PATH(NQ)%",
        "status": "%RESPONSE_CODE%",
        "duration_ms": "%DURATION%",
        "first_byte_ms": "%RESPONSE_DURATION%",
        # In line, until the request had a slot; and from then on until its answer was complete.
        "waited_ms": "%COMMON_DURATION(DS_RX_BEG:US_TX_BEG:ms)%",
        "worked_ms": "%COMMON_DURATION(US_TX_BEG:US_RX_END:ms)%",
        "user_agent": "%REQ(USER-AGENT)%",
        "client_ip": "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%",
        "request_id": "%REQ(X-REQUEST-ID)%",
        "tenant": f"%REQ({USER_HEADER})%",
        "pool": f"%REQ({POOL_HEADER})%",
        "route": f"%REQ({ROUTE_HEADER})%",
        "instance": f"%RESP({INSTANCE_HEADER})%",
        "bytes_received": "%BYTES_RECEIVED%",
        "bytes_sent": "%BYTES_SENT%",
        "content_type": "%RESP(CONTENT-TYPE)%",
        "audio_seconds": "%RESP(X-AUDIO-SECONDS)%",
        "flags": "%RESPONSE_FLAGS%",
        # Who is not the edge names whom it likes above; here it says that it was refused for that.
        "details": "%RESPONSE_CODE_DETAILS%",
    }
