"""Rules and files, by their own checkers; every alert comes on what it should, and on nothing else."""

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from bootstrap.test_tools import prometheus
from pulumi_tts.render import rules
from pulumi_tts.render.alertmanager import alertmanager_file, secret_file
from pulumi_tts.render.blackbox import AUTHORITY, blackbox_file
from pulumi_tts.render.prometheus import REMOTE_WRITE_SECRET, Places, prometheus_file
from tests.observe.alerts import CASES, Case
from tests.observe.plans import watched


def checked(*command: str | Path) -> str:
    """What a checker says; fails with that where it is not content."""
    program, *arguments = map(str, command)
    outcome = subprocess.run([str(prometheus() / program), *arguments], capture_output=True, text=True, check=False)
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr
    return outcome.stdout + outcome.stderr


def written(folder: Path, **plan: Any) -> Path:
    """All files of what watches a stack, as they are in containers."""
    watching = watched(**plan)
    places = Places(files=str(folder), data=str(folder))
    files = {
        "prometheus.yml": prometheus_file(watching, places),
        "rules.yml": rules.rules_file(watching),
        "alertmanager.yml": alertmanager_file(watching.alertmanager, str(folder)),
        REMOTE_WRITE_SECRET: "secret",
        AUTHORITY: "",
        **{secret_file(receiver): "secret" for receiver in watching.alertmanager.receivers},
    }
    if watching.blackbox:
        files["blackbox.yml"] = blackbox_file(watching.blackbox, str(folder))
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(
    "plan",
    [{}, {"watching": {"probes": False, "node": False}}, {"edge": {}}],
    ids=["everything", "nothing more", "no tls"],
)
def test_their_own_checkers_are_content(plan: dict[str, Any], tmp_path: Path) -> None:
    folder = written(tmp_path, **plan)
    checked("promtool", "check", "config", folder / "prometheus.yml")
    checked("promtool", "check", "rules", folder / "rules.yml")
    checked("amtool", "check-config", folder / "alertmanager.yml")
    if (folder / "blackbox.yml").exists():
        checked("prometheus-blackbox-exporter", "--config.check", f"--config.file={folder / 'blackbox.yml'}")


def test_every_alert_has_a_case() -> None:
    rendered = yaml.safe_load(rules.rules_file(watched()))
    named = {rule["alert"] for group in rendered["groups"] for rule in group["rules"] if "alert" in rule}
    assert {case.alert for case in CASES} == named


def test_where_nobody_counts_nothing_is_told_of_it() -> None:
    assert "tts_usage" not in rules.rules_file(watched({"node": False}))


def asked(case: Case, at: int, comes: bool) -> dict[str, Any]:
    labels = {"alertname": case.alert, "alertstate": "firing", **case.labels}
    selector = ", ".join(f'{name}="{value}"' for name, value in labels.items())
    found = [{"labels": "{}", "value": 1}] if comes else []
    return {"expr": f"count(ALERTS{{{selector}}})", "eval_time": f"{at}m", "exp_samples": found}


@pytest.mark.parametrize("every", sorted({case.every for case in CASES}))
def test_every_alert_comes_on_what_it_should_and_stays_away_on_the_near_miss(every: int, tmp_path: Path) -> None:
    written(tmp_path)
    pace = {"interval": f"{every}m"}
    tests: list[dict[str, Any]] = []
    for case in (case for case in CASES if case.every == every):
        early = [asked(case, case.too_early, False)] if case.too_early is not None else []
        for some, wanted in (
            (case.comes, [*early, asked(case, case.at, True)]),
            (case.not_on, [asked(case, case.at, False)]),
        ):
            series = [{"series": name, "values": values} for name, values in some.items()]
            tests.append({**pace, "input_series": series, "promql_expr_test": wanted})
    file = tmp_path / "tests.yml"
    # Otherwise in any order: what was recorded half an hour before is not looked at.
    order = [group["name"] for group in yaml.safe_load((tmp_path / "rules.yml").read_text())["groups"]]
    head = {"rule_files": ["rules.yml"], "evaluation_interval": f"{every}m", "group_eval_order": order}
    file.write_text(yaml.safe_dump({**head, "tests": tests}))
    checked("promtool", "test", "rules", file)
