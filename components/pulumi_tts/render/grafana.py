"""What Grafana is told when it starts, and the files that say whom it asks and what it shows.

Who comes through the dashboard's login is a viewer, without a login of Grafana's own: that one has no users, and cannot
have any, so there is no second password, and nothing in it that anybody could change. What it shows is in files.
"""

from pulumi_tts.plan.grafana import PATH, PORT, GrafanaPlan
from pulumi_tts.render.health import wget
from pulumi_tts.render.yaml_file import yaml_text

DATA = "/var/lib/grafana"
"""Where it keeps its database: which dashboards it has read, and nothing that anybody wrote."""
SCRATCH = "/tmp"  # noqa: S108  a path in its container
_PROVISIONING = f"{SCRATCH}/provisioning"
_LOOKS = 10
"""Every so many seconds, for dashboards that have changed."""
DATASOURCES, DASHBOARDS = "datasources.yaml", "dashboards.yaml"

# It wants each kind in a folder of its own, and live files have none.
_START = f"""
mkdir -p {_PROVISIONING}/datasources {_PROVISIONING}/dashboards
ln -s "$1/{DATASOURCES}" {_PROVISIONING}/datasources/
ln -s "$1/{DASHBOARDS}" {_PROVISIONING}/dashboards/
exec /run.sh
"""


def command(files: str) -> list[str]:
    """How its container starts; `/run.sh` is how its image does."""
    return ["/bin/sh", "-c", _START, "grafana", files]


def health_command() -> list[str]:
    """Whether it is there. Below its path: elsewhere it sends one to where people find it."""
    return wget(f"http://127.0.0.1:{PORT}{PATH}/api/health")


def environment(plan: GrafanaPlan, files: str) -> dict[str, str]:
    """Its settings, none of them secret; as its image takes them, `GF_<SECTION>_<KEY>`."""
    return {
        "GF_SERVER_HTTP_PORT": str(PORT),
        "GF_SERVER_ROOT_URL": plan.page,
        "GF_SERVER_SERVE_FROM_SUB_PATH": "true",
        "GF_PATHS_DATA": DATA,
        "GF_PATHS_PROVISIONING": _PROVISIONING,
        "GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH": f"{files}/overview.json",
        "GF_LOG_MODE": "console",
        "GF_LOG_CONSOLE_FORMAT": "json",
        # Who is here has shown a password already.
        "GF_AUTH_ANONYMOUS_ENABLED": "true",
        "GF_AUTH_ANONYMOUS_ORG_ROLE": "Viewer",
        "GF_AUTH_DISABLE_LOGIN_FORM": "true",
        "GF_AUTH_BASIC_ENABLED": "false",
        "GF_SECURITY_DISABLE_INITIAL_ADMIN_CREATION": "true",
        "GF_USERS_ALLOW_SIGN_UP": "false",
        "GF_USERS_ALLOW_ORG_CREATE": "false",
        # It tells nobody that it is there, and fetches nothing.
        "GF_ANALYTICS_REPORTING_ENABLED": "false",
        "GF_ANALYTICS_CHECK_FOR_UPDATES": "false",
        "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
        "GF_ANALYTICS_FEEDBACK_LINKS_ENABLED": "false",
        "GF_NEWS_NEWS_FEED_ENABLED": "false",
        "GF_SECURITY_DISABLE_GRAVATAR": "true",
        "GF_SNAPSHOTS_ENABLED": "false",
        "GF_SNAPSHOTS_EXTERNAL_ENABLED": "false",
        "GF_PLUGINS_PLUGIN_ADMIN_ENABLED": "false",
        "GF_PLUGINS_PREINSTALL_DISABLED": "true",
        "GF_PLUGINS_PUBLIC_KEY_RETRIEVAL_DISABLED": "true",
        # Alerts are Prometheus' and Alertmanager's.
        "GF_UNIFIED_ALERTING_ENABLED": "false",
        "GF_METRICS_ENABLED": "false",
    }


def datasources_file(plan: GrafanaPlan) -> str:
    """Whom it asks; it reads this when it starts."""
    return yaml_text(
        {
            "apiVersion": 1,
            "prune": True,
            "datasources": [
                {
                    "name": "Prometheus",
                    "uid": "prometheus",
                    "type": "prometheus",
                    "access": "proxy",
                    "url": plan.prometheus,
                    "isDefault": True,
                    "editable": False,
                    # By which it knows over how long a rate has to be.
                    "jsonData": {"timeInterval": f"{plan.interval}s", "httpMethod": "POST", "manageAlerts": False},
                }
            ],
        }
    )


def dashboards_file(plan: GrafanaPlan, files: str) -> str:
    """Where its dashboards are; a change of one is seen within seconds, and one that is gone goes."""
    return yaml_text(
        {
            "apiVersion": 1,
            "providers": [
                {
                    "name": plan.dashboards.stack,
                    "folder": plan.dashboards.stack,
                    "type": "file",
                    "disableDeletion": False,
                    "allowUiUpdates": False,
                    "updateIntervalSeconds": _LOOKS,
                    "options": {"path": files},
                }
            ],
        }
    )
