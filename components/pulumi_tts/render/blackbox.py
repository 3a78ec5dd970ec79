"""What the blackbox exporter reads: how it asks, and which answers are right."""

from pulumi_tts.plan.observability import BLACKBOX_PORT, BlackboxPlan, Probe
from pulumi_tts.render.yaml_file import Tree, yaml_text

AUTHORITY = "authority.pem"
"""The file with who signs the edge's certificates, where that is the stack itself."""
_OPEN, _LOGIN = "open", "login"
_TIMEOUT = "8s"


def static_arguments(files: str = "/files/current", listen: str = f":{BLACKBOX_PORT}") -> tuple[str, ...]:
    """Its whole command line."""
    return (
        "blackbox_exporter",
        f"--config.file={files}/blackbox.yml",
        f"--web.listen-address={listen}",
        "--log.format=json",
    )


def module_of(probe: Probe) -> str:
    """By which of the ways below a pool is asked."""
    return _LOGIN if probe.login else _OPEN


def blackbox_file(plan: BlackboxPlan, files: str = "/files/current") -> str:
    """`blackbox.yml`. A pool that is limited may answer 429, which is an answer too."""
    return yaml_text(
        {
            "modules": {
                _OPEN: _asking(plan, [*range(200, 400), 429], files),
                # Where there is a login, it has to be asked for.
                _LOGIN: _asking(plan, [401], files),
            }
        }
    )


def _asking(plan: BlackboxPlan, right: list[int], files: str) -> Tree:
    http: Tree = {
        "method": "GET",
        "valid_status_codes": right,
        # Elsewhere is another name than the one that is asked.
        "follow_redirects": False,
        "preferred_ip_protocol": "ip4",
    }
    if plan.https and not plan.verify:
        http["tls_config"] = {"insecure_skip_verify": True}
    elif plan.own_authority:
        http["tls_config"] = {"ca_file": f"{files}/{AUTHORITY}"}
    return {"prober": "http", "timeout": _TIMEOUT, "http": http}
