"""Who used how much: what can be written, what follows from it, what is made of it, and what is asked of it."""

import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from docker.errors import APIError, NotFound

from pulumi_tts import command
from pulumi_tts.config import ConfigError, load_stack
from pulumi_tts.docker import SpeechStack, metered
from pulumi_tts.plan import StackPlan, plan_stack
from pulumi_tts.plan.meter import MeterPlan
from pulumi_tts.render import envoy, traefik
from pulumi_tts.render.meter import meter_file
from tests.unit.configs import stack, studio, voice
from tests.unit.conftest import World, run

SERVICES = Path(__file__).parents[2] / "services"
CONTAINER, VOLUME = "docker:index/container:Container", "docker:index/volume:Volume"
CARDS = [{"id": 0, "vram": "24g"}, {"id": 1, "vram": "24g"}]


def usage(*pools: Any, counts: dict[str, Any] | None = None, **changes: Any) -> dict[str, Any]:
    return stack(*pools, observability={"usage": counts or {}}, **changes)


def plan(*pools: Any, **changes: Any) -> StackPlan:
    return plan_stack(load_stack(usage(*pools, **changes)), "tts-test", local_images=True)


def meter(*pools: Any, **changes: Any) -> MeterPlan:
    planned = plan(*pools, **changes).meter
    assert planned
    return planned


def problems(*pools: Any, **changes: Any) -> list[str]:
    with pytest.raises(ConfigError) as refusal:
        load_stack(usage(*pools, **changes))
    return [str(problem) for problem in refusal.value.problems]


# ---- what can be written


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"price": -1}, "observability.usage.price: -1"),
        ({"price": "cheap"}, "observability.usage.price: 'cheap'"),
        ({"price": float("inf")}, "observability.usage.price: inf"),
        ({"currency": "Euro"}, "observability.usage.currency: 'Euro'"),
        ({"keep": "12h"}, "observability.usage.keep: '12h'"),
        ({"keep": 30}, "observability.usage.keep: 30 is not an age"),
        ({"tenants": -1}, "observability.usage.tenants: -1"),
        ({"prices": {"voise": 2}}, "observability.usage.prices.voise: 2.0 is the price of a pool that there is not"),
        ({"pricess": {}}, "Did you mean 'prices'?"),
    ],
)
def test_what_cannot_be_meant_is_refused(counts: dict[str, Any], said: str) -> None:
    (problem,) = problems(counts=counts)
    assert said in problem


@pytest.mark.parametrize(
    ("audio", "said"),
    [
        ({}, "pools[0].audio.rate"),
        ({"rate": 10}, "pools[0].audio.rate: 10"),
        ({"rate": 24000, "bits": 12}, "pools[0].audio.bits: 12"),
        ({"rate": 24000, "raw": ["wav"]}, "pools[0].audio.raw[0]: 'wav'"),
        ({"rate": 24000, "kilobits": {"audio/mpeg": 0}}, "pools[0].audio.kilobits.audio/mpeg: 0"),
    ],
)
def test_so_is_a_sound_that_there_is_not(audio: dict[str, Any], said: str) -> None:
    (problem,) = problems(voice(audio=audio))
    assert said in problem


# ---- what follows from it


def test_nobody_counts_where_nobody_asked_for_it() -> None:
    for written in (stack(), stack(observability={})):
        planned = plan_stack(load_stack(written), "tts-test", local_images=True)
        assert planned.meter is None
        assert planned.guard
        assert not [told for told in traefik.static_arguments(planned.edge, "/files") if "filePath" in told]
        assert "guard.log" not in envoy.files(planned.guard)["listeners.json"]


def test_edge_and_guard_write_where_the_meter_reads() -> None:
    planned = plan()
    assert planned.guard
    assert "--accessLog.filePath=/access/edge.log" in traefik.static_arguments(planned.edge, "/files")
    listeners = json.loads(envoy.files(planned.guard)["listeners.json"])["resources"]
    manager = listeners[0]["filter_chains"][0]["filters"][0]["typed_config"]
    first, second = (log["typed_config"] for log in manager["access_log"])
    assert second["path"] == "/access/guard.log"
    assert first["log_format"] == second["log_format"], "what people read is what is counted"


@pytest.mark.parametrize(
    ("changes", "shares"),
    [
        ({"instances": 2, "slots": 4, "vram": "8g"}, [1 / 4, 1 / 4]),
        ({"instances": 4, "slots": 1, "vram": "8g"}, [1 / 2] * 4),
        ({"instances": 1, "slots": 2, "vram": "8g", "cards": 2}, [2 / 2]),
        ({"instances": 2}, [0, 0]),
    ],
)
def test_a_request_has_its_part_of_the_cards_of_its_instance(changes: dict[str, Any], shares: list[float]) -> None:
    """All slots together have as much as there are cards."""
    planned = meter(voice(**changes), hosts=[{"gpus": CARDS}])
    assert [instance.share for instance in planned.instances] == shares


def test_a_pages_requests_are_not_work() -> None:
    voices, pages = meter(voice(vram="8g"), studio(vram="8g"), hosts=[{"gpus": CARDS}]).pools
    assert (voices.works, pages.works) == (True, False)
    assert voices.audio
    assert pages.audio is None


def test_prices_are_a_pools_own_or_that_of_all() -> None:
    planned = meter(voice(), studio(), counts={"price": 1, "prices": {"studio": 2.5}})
    assert [pool.price for pool in planned.pools] == [1, 2.5]
    assert [pool.price for pool in meter().pools] == [None, None]


def test_the_meter_reads_what_is_written_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(SERVICES))
    for name in [name for name in sys.modules if name.partition(".")[0] == "meter"]:
        monkeypatch.delitem(sys.modules, name)
    from meter.plan import read_plan  # noqa: PLC0415  as its image has it

    auth = {"users": [{"name": "anna"}], "api_keys": [{"name": "app-1"}]}
    planned = meter(voice(vram="8g"), edge={"auth": auth}, hosts=[{"gpus": CARDS}], counts={"price": 2, "keep": "31d"})
    read = read_plan(meter_file(planned))
    assert read.guards == {"tts-test-guard:8080", "tts-test-guard:8082"}
    assert read.routes == {"voice.pool", "voice.1", "voice.2"}
    assert read.shares == {"tts-test-voice-1": 0.5, "tts-test-voice-2": 0.5}
    assert read.upstreams == {f"tts-test-voice-{n}:8000": f"tts-test-voice-{n}" for n in (1, 2)}
    assert sorted(read.tenants) == ["anna", "app-1"]
    assert (read.most, read.keep, read.currency) == (500, 31, "EUR")
    pool = read.pools["voice"]
    assert (pool.works, pool.price) == (True, 2)
    assert pool.audio
    assert (pool.audio.rate, pool.audio.kilobits["audio/mpeg"]) == (24_000, 64)


# ---- what is made of it


def test_its_containers_share_a_volume_of_logs_and_what_was_counted_outlives_them(world: World) -> None:
    run(lambda: SpeechStack("tts-test", {"config": usage(), "preflight": False}).edge_url)
    containers, volumes = world.inputs(CONTAINER), world.inputs(VOLUME)
    holders = {
        (name.removeprefix("tts-test-"), volume["volumeName"])
        for name, made in containers.items()
        for volume in made.get("volumes", ())
        if volume["volumeName"] in ("tts-test-logs", "tts-test-usage")
    }
    assert holders == {
        ("edge", "tts-test-logs"),
        ("guard", "tts-test-logs"),
        ("meter", "tts-test-logs"),
        ("meter", "tts-test-usage"),
        ("meter-files-courier", "tts-test-logs"),
        ("meter-files-courier", "tts-test-usage"),
    }
    assert {"tts-test-logs", "tts-test-usage"} <= set(volumes)
    counting = containers["tts-test-meter"]
    assert [network["name"] for network in counting["networksAdvanced"]] == ["tts-test-observe"]
    assert not counting.get("ports")


# ---- what is asked of it


REPORT: dict[str, Any] = {
    "since": "2026-11-01",
    "until": "2026-12-01",
    "by": "tenant",
    "currency": "EUR",
    "rows": [
        {"tenant": "(none)", "requests": 2, "audio_seconds": 0.25, "busy_seconds": 1, "gpu_seconds": 0.5,
         "sent_bytes": 1_500_000, "cost": 0.001},
        {"tenant": "=cmd()", "requests": 10, "audio_seconds": 100, "busy_seconds": 60, "gpu_seconds": 30,
         "sent_bytes": 0, "cost": 1.5},
    ],
}  # fmt: skip


class Answering:
    """A Docker engine with a meter that says something."""

    def __init__(self, code: int = 0, told: Any = REPORT, complaint: bytes | None = None) -> None:
        self.asked: list[list[str]] = []
        self._code, self._told, self._complaint = code, told, complaint
        self.containers = SimpleNamespace(get=self._get)

    def _get(self, name: str) -> Any:
        if isinstance(self._told, Exception):
            raise self._told
        assert name == "tts-dev-meter"
        return SimpleNamespace(exec_run=self._run)

    def _run(self, words: list[str], *, demux: bool) -> tuple[int, tuple[bytes | None, bytes | None]]:
        assert demux
        self.asked.append(words)
        return self._code, (json.dumps(self._told).encode() if not self._code else None, self._complaint)


def asked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, docker: Answering, *words: str, written: dict[str, Any] | None = None
) -> int:
    monkeypatch.setattr(metered, "client", lambda at: docker)
    path = folder / "Pulumi.dev.yaml"
    path.write_text(yaml.safe_dump({"config": {"tts:stack": written or usage()}}))
    return command.main(["usage", "--stack", str(path), *words])


def test_a_table_for_people(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    docker = Answering()
    assert asked(tmp_path, monkeypatch, docker) == 0
    assert docker.asked == [["python3", "-m", "meter", "report", "--since", "30d", "--by", "tenant"]]
    assert capsys.readouterr().out.splitlines() == [
        "TENANT  REQUESTS  AUDIO S  BUSY S  GPU S  SENT MB  COST EUR",
        "(none)         2      0.2     1.0    0.5      1.5      0.00",
        "=cmd()        10    100.0    60.0   30.0      0.0      1.50",
        "all           12    100.2    61.0   30.5      1.5      1.50",
        "Since 2026-11-01, before 2026-12-01 (UTC).",
    ]


def test_lines_for_a_spreadsheet_which_computes_no_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(tmp_path, monkeypatch, Answering(), "--format", "csv") == 0
    assert capsys.readouterr().out.splitlines() == [
        "tenant,requests,audio_seconds,busy_seconds,gpu_seconds,sent_bytes,cost,currency,since,until",
        "(none),2,0.25,1,0.5,1500000,0.001,EUR,2026-11-01,2026-12-01",
        "'=cmd(),10,100,60,30,0,1.5,EUR,2026-11-01,2026-12-01",
    ]


def test_json_for_programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    docker = Answering()
    words = ("--format", "json", "--by", "route", "--since", "2026-11-01", "--until", "2026-12-01")
    assert asked(tmp_path, monkeypatch, docker, *words) == 0
    assert docker.asked[0][4:] == ["--since", "2026-11-01", "--by", "route", "--until", "2026-12-01"]
    assert json.loads(capsys.readouterr().out) == REPORT


def test_a_cost_that_is_not_known_is_not_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{**REPORT["rows"][0], "cost": None}, REPORT["rows"][1]]
    assert asked(tmp_path, monkeypatch, Answering(told={**REPORT, "rows": rows})) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[-1] for line in lines[1:4]] == ["-", "1.50", "-"]
    assert asked(tmp_path, monkeypatch, Answering(told={**REPORT, "rows": []})) == 0
    assert capsys.readouterr().out == "Nothing was used since 2026-11-01, before 2026-12-01.\n"


@pytest.mark.parametrize(
    ("docker", "said"),
    [
        (Answering(told=NotFound("x")), "'tts-dev-meter' is not there. Bring the stack up"),
        (Answering(told=APIError("x", explanation="is not running")), "cannot be asked (is not running)"),
        (Answering(told=OSError("refused")), "does not answer as a Docker engine (refused)"),
        (
            Answering(code=1, complaint=b"Traceback\nno plan\n"),
            "has no report (no plan). See: docker logs tts-dev-meter",
        ),
        (Answering(code=137), "has no report (status 137)"),
    ],
)
def test_who_does_not_answer_is_named(
    docker: Answering,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert asked(tmp_path, monkeypatch, docker) == 1
    assert said in capsys.readouterr().err


def test_where_nobody_counts_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert asked(tmp_path, monkeypatch, Answering(), written=stack()) == 1
    assert "observability.usage is not in this stack's file" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--since", "0d"], ["--since", "30h"], ["--until", "30d"], ["--by", "user"]])
def test_a_day_that_is_none_is_refused(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        asked(tmp_path, monkeypatch, Answering(), *words)
    assert words[1] in capsys.readouterr().err
