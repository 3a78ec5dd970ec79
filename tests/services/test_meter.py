"""What the meter makes of lines, by itself; tests/edge/test_usage.py has it read what real ones write."""

import json
import os
import shutil
import threading
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from meter import logfile
from meter.audio import sounds_for
from meter.counting import NOBODY, OTHERS, Names, counted
from meter.ledger import Key, Ledger, Used
from meter.lines import DamagedLineError, Request, in_the_guards_words, of_edge, of_guard, parsed
from meter.logfile import LogFile, Mark
from meter.plan import Audio, BadFileError, Plan, Pool, read_plan
from meter.report import day, report

VOICE = Audio(24_000, 1, 16, frozenset({"audio/pcm", "none"}), {"audio/mpeg": 64})
PLAN = Plan(
    guards=frozenset({"guard:8080", "guard:8082"}),
    pools={"voice": Pool(VOICE, True, 3.6), "page": Pool(None, False, None), "bare": Pool(VOICE, True, None)},
    routes=frozenset({"voice.pool", "voice.1", "page.path", "bare.pool"}),
    shares={"voice-1": 0.25},
    upstreams={"voice-1:8000": "voice-1"},
    tenants=frozenset({"anna"}),
    most=2,
)
GUARD = {
    "timestamp": "2026-11-21T23:59:59.999Z", "tenant": "anna", "pool": "voice", "route": "voice.pool",
    "instance": "voice-1", "waited_ms": 100, "worked_ms": 2000, "duration_ms": 2150, "status": 200,
    "content_type": "audio/wav", "bytes_sent": 48_044, "audio_seconds": None,
}  # fmt: skip
EDGE = {
    "StartUTC": "2026-11-21T23:59:59.999Z", "ClientUsername": "-", "RouterName": "voice.1@file",
    "ServiceAddr": "voice-1:8000", "OriginDuration": 2_000_000_000, "DownstreamStatus": 200,
    "origin_Content-Type": "audio/wav", "DownstreamContentSize": 48_044,
}  # fmt: skip


def guard(**changes: Any) -> Request:
    found = of_guard(GUARD | changes)
    assert found
    return found


def used(*requests: Request, names: Names | None = None) -> dict[str, Used]:
    """What is counted, by tenant."""
    return {key.tenant: amount for (_, key), amount in counted(requests, PLAN, names or Names([])).items()}


# ---- how long it sounds


@pytest.mark.parametrize(
    ("status", "kind", "size", "seconds"),
    [
        (200, "audio/wav", 48_044, 1),
        (200, "Audio/X-WAV", 48_044, 1),
        (206, "audio/wav", 20, 0),
        (200, "audio/pcm", 48_000, 1),
        (200, "audio/pcm;rate=12000;channels=2", 48_000, 1),
        (200, 'audio/pcm; rate="x"', 48_000, 1),
        (200, "", 48_000, 1),
        (200, "audio/mpeg", 8_000, 1),
        (200, "audio/flac", 8_000, 0),
        (200, "application/json", 8_000, 0),
        (503, "audio/wav", 48_044, 0),
        (101, "", 48_000, 0),
    ],
)
def test_audio_is_counted_by_size_and_content_type(status: int, kind: str, size: int, seconds: float) -> None:
    assert sounds_for(VOICE, status, kind, size) == pytest.approx(seconds)


def test_what_a_websocket_carries_is_counted_where_that_is_audio() -> None:
    speaking = Audio(24_000, 1, 16, frozenset({"websocket"}), {})
    assert sounds_for(speaking, 101, "", 96_000) == 2


@pytest.mark.parametrize(("told", "seconds"), [("7.5", 7.5), ("-1", 1), ("nan", 1), ("1e9", 1), ("many", 1), ("0", 0)])
def test_an_engine_that_says_how_long_it_sounds_is_believed_where_that_can_be(told: str, seconds: float) -> None:
    assert used(guard(audio_seconds=told))["anna"].audio == seconds * 1_000_000


# ---- lines


def test_a_line_of_the_guards() -> None:
    assert guard() == Request(
        "2026-11-21", "anna", "voice", "voice.pool", "voice-1", 2.0, 200, "audio/wav", 48_044, None
    )
    assert guard(worked_ms=None).worked == 2.05, "cut: from when it had its slot"
    assert guard(worked_ms=None, waited_ms=None, instance=None, status=503).worked == 0, "it never had one"
    assert guard(tenant=None, content_type=None).tenant is None


def test_who_is_not_the_edge_is_counted_for_nobody_whatever_name_it_shows() -> None:
    for details in ("rbac_access_denied_matched_policy[none]", "missing_host_header", "path_normalization_failed"):
        assert of_guard(GUARD | {"status": 403, "details": details}) is None
    for other in (None, "via_upstream", "request_overall_timeout"):
        assert guard(details=other) == guard()


def test_a_name_that_nothing_can_keep_holds_nobody_up(tmp_path: Path) -> None:
    line = json.dumps(GUARD | {"tenant": "half \ud800"}).encode()
    used_by = counted([guard(**parsed(line))], PLAN, Names([]))
    ledger = Ledger(tmp_path)
    ledger.add("guard", Mark("it", 1), used_by)
    assert [key.tenant for key, _ in ledger.totals()] == ["half ?"]
    json.dumps(in_the_guards_words(EDGE | {"RequestPath": "\ud800"})).encode()


def test_a_line_of_the_edges() -> None:
    found = of_edge(EDGE, PLAN)
    assert found == Request("2026-11-21", None, "voice", "voice.1", "voice-1", 2.0, 200, "audio/wav", 48_044, None)
    for changes in (
        {"ServiceAddr": "guard:8080"},
        {"ServiceAddr": "guard:8082", "DownstreamStatus": 429},
        {"ServiceAddr": None},
        {"RouterName": "dashboard@file"},
        {"RouterName": "acme-http@internal"},
        {"RouterName": ""},
    ):
        assert of_edge(EDGE | changes, PLAN) is None, changes


def test_a_route_has_further_routers_and_is_counted_as_one() -> None:
    for router in ("voice.1_page@file", "voice.1_untraced@file", "voice.1_page_untraced@file"):
        assert of_edge(EDGE | {"RouterName": router}, PLAN) == of_edge(EDGE, PLAN)
        assert in_the_guards_words(EDGE | {"RouterName": router}) == in_the_guards_words(EDGE)


def test_what_is_no_pools_keeps_its_name_and_is_not_counted() -> None:
    for router in ("session_pages", "edge_discovery", "front_dots"):
        assert of_edge(EDGE | {"RouterName": f"{router}@file"}, PLAN) is None
        said = in_the_guards_words(EDGE | {"RouterName": f"{router}@file"})
        assert said["route"] == router


@pytest.mark.parametrize("line", [b"", b"{", b"null", b'{"a": ', b'["a"]', b"\0\0", b'{"a": 1}}'])
def test_a_damaged_line_is_said_to_be_one(line: bytes) -> None:
    with pytest.raises(DamagedLineError):
        parsed(line)


@pytest.mark.parametrize("line", [{}, {**GUARD, "worked_ms": "x"}, {**GUARD, "bytes_sent": "x"}])
def test_so_is_one_without_what_it_should_say(line: dict[str, Any]) -> None:
    with pytest.raises(DamagedLineError):
        of_guard(line)


def test_what_stands_after_the_beginning_of_a_line_of_a_killed_program_is_read() -> None:
    whole = json.dumps(GUARD | {"path": 'a{"b'})
    assert parsed((whole[:57] + whole).encode()) == json.loads(whole)


# ---- for whom


def test_a_request_takes_its_share_of_a_card_for_as_long_as_an_instance_has_it() -> None:
    assert used(guard(), guard())["anna"] == Used(2, 2_000_000, 4_000_000, 1_000_000, 96_088)
    assert used(guard(instance=None, status=503, content_type="", worked_ms=None))["anna"].busy == 0
    assert used(guard(pool="page", route="page.path"))["anna"] == Used(1, 0, 0, 0, 48_044), "a page that is open"


def test_who_is_counted_by_name_is_bounded() -> None:
    names = Names([])
    strangers = [guard(tenant=f"stranger-{number}") for number in range(4)]
    found = used(*strangers, guard(), guard(tenant=None), guard(tenant="x" * 200), names=names)
    assert {name: amount.requests for name, amount in found.items()} == {
        "stranger-0": 1, "stranger-1": 1, OTHERS: 3, "anna": 1, NOBODY: 1
    }  # fmt: skip
    again = Names([Key("stranger-9", "voice", "voice.pool"), Key("stranger-8", "voice", "voice.pool")])
    assert set(used(*strangers, guard(tenant="stranger-9"), names=again)) == {OTHERS, "stranger-9"}


def test_so_are_pools_and_routes() -> None:
    found = counted([guard(pool="x"), guard(route="x"), guard(route="")], PLAN, Names([]))
    assert {(key.pool, key.route): amount.requests for (_, key), amount in found.items()} == {
        (OTHERS, OTHERS): 1,
        ("voice", OTHERS): 2,
    }
    before = Names([Key("anna", "gone", "gone.pool")])
    ((_, key),) = counted([guard(pool="gone", route="gone.pool")], PLAN, before)
    assert (key.pool, key.route) == ("gone", "gone.pool"), "what was counted is counted on"


# ---- the ledger


KEY = Key("anna", "voice", "voice.pool")


def test_what_was_counted_and_how_far_was_read_are_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ledger = Ledger(tmp_path)
    ledger.add("guard", Mark("it", 100), {("2026-11-21", KEY): Used(1, 2, 3, 4, 5)}, damaged=1)
    with pytest.raises(AttributeError):
        ledger.add("guard", None, {("2026-11-21", KEY): Used(1)})  # type: ignore[arg-type]
    again = Ledger(tmp_path)
    assert dict(again.totals()) == {KEY: Used(1, 2, 3, 4, 5)}
    assert (again.mark("guard"), again.damaged("guard")) == (Mark("it", 100), 1)
    assert (again.mark("edge"), again.damaged("edge")) == (Mark(), 0)


def test_days_are_forgotten_and_totals_are_not(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    for number in (19, 20, 21):
        ledger.add("guard", Mark("it", number), {(f"2026-11-{number}", KEY): Used(number)})
    ledger.forget("2026-11-20")
    assert [key for key, _ in ledger.between("2026-01-01", "2027-01-01", ["tenant"])] == [("anna",)]
    assert dict(ledger.between("2026-01-01", "2027-01-01", ["pool"]))["voice",].requests == 41
    assert dict(ledger.between("2026-11-21", "2026-11-22", ["route", "tenant"])) == {("anna", "voice.pool"): Used(21)}
    assert dict(ledger.totals())[KEY].requests == 60


def test_a_report_costs_what_each_pools_cards_cost(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    hour = 3600 * 1_000_000
    for tenant, pool, gpu in (("anna", "voice", hour), ("bob", "voice", hour), ("bob", "bare", 0), ("eve", "bare", 1)):
        ledger.add("edge", Mark("it", 1), {("2026-11-21", Key(tenant, pool, f"{pool}.pool")): Used(1, gpu=gpu)})
    whole = date(2026, 11, 1), date(2026, 12, 1)

    def costs(by: str) -> dict[str, Any]:
        return {row[by]: row["cost"] for row in report(ledger, PLAN, *whole, by)["rows"]}

    assert costs("tenant") == {"anna": 3.6, "bob": 3.6, "eve": None}
    assert costs("pool") == {"bare": None, "voice": 7.2}
    assert costs("route") == {"bare.pool": None, "voice.pool": 7.2}
    assert report(ledger, PLAN, date(2026, 11, 22), whole[1], "pool")["rows"] == []


def test_days_are_counted_with_today_among_them() -> None:
    today = datetime.now(UTC).date()
    assert day("1d") == today
    assert day("30d") == today - timedelta(days=29)
    assert day("2026-11-01") == date(2026, 11, 1)
    for wrong in ("0d", "30", "yesterday", "30h", ""):
        with pytest.raises(ValueError, match="isoformat"):
            day(wrong)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"guards": [], "pools": []}'])
def test_a_plan_that_is_none_is_said_to_be_none(text: str) -> None:
    with pytest.raises(BadFileError):
        read_plan(text)


# ---- files


def test_lines_are_read_once_they_are_whole(tmp_path: Path) -> None:
    file = LogFile(tmp_path / "log")
    assert file.read(Mark()) == ([], Mark())
    with (tmp_path / "log").open("ab", buffering=0) as log:
        log.write(b"one\ntw")
        lines, mark = file.read(Mark())
        assert lines == [b"one"]
        assert file.read(mark) == ([], mark)
        log.write(b"o\n")
        lines, mark = file.read(mark)
        assert lines == [b"two"]
    assert file.unread(mark) == 0


def test_another_volumes_file_is_another_one_whatever_its_number(tmp_path: Path) -> None:
    log = tmp_path / "logs" / "log"
    log.parent.mkdir()
    log.write_bytes(b"one\n")
    lines, mark = LogFile(log).read(Mark())
    assert LogFile(log).read(mark) == ([], mark)
    shutil.rmtree(log.parent)
    log.parent.mkdir()
    log.write_bytes(b"two\n")
    number = f"{logfile.name_of(log.parent)} {log.stat().st_ino}"
    lines, after = LogFile(log).read(mark)
    assert (lines, after.file) == ([b"two"], number)
    log.write_bytes(b"3\n")
    assert LogFile(log).read(after)[0] == [b"3"], "one that is shorter is read anew"


def test_a_line_without_an_end_does_not_hold_up_what_comes_after_it(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(b"x" * (logfile.BATCH + 10) + b"\nnext\n")
    file, found, mark = LogFile(tmp_path / "log"), [], Mark()
    for _ in range(3):
        lines, mark = file.read(mark)
        found += lines
    assert [len(line) for line in found] == [logfile.BATCH, 10, 4]


def test_no_line_is_lost_or_read_twice_while_what_was_read_is_freed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logfile, "KEPT", 64 << 10)
    monkeypatch.setattr(logfile, "STEP", 64 << 10)
    path, written = tmp_path / "log", 30_000

    def write() -> None:
        # As edge and guard do it, who open it anew when they are restarted.
        for part in range(10):
            with path.open("ab", buffering=0) as log:
                for number in range(part * written // 10, (part + 1) * written // 10):
                    log.write(b"%d %s\n" % (number, b"x" * 200))

    writer = threading.Thread(target=write)
    writer.start()
    found: Counter[int] = Counter()
    file, mark, most = LogFile(path), Mark(), 0
    deadline = time.monotonic() + 60
    while sum(found.values()) < written and time.monotonic() < deadline:
        lines, mark = file.read(mark)
        found.update(int(line.split()[0]) for line in lines)
        file.free(mark)
        most = max(most, file.room() - file.unread(mark))
    writer.join()
    assert found == Counter(range(written))
    assert file.cannot_free is None, "this file system frees no part of a file: this test shows nothing here"
    assert path.stat().st_size > 6_000_000
    assert file.room() < 500_000
    # Who has lost what it counted reads on where there is something.
    lines, _ = LogFile(path).read(Mark())
    assert int(lines[-1].split()[0]) == written - 1
    assert len(lines) < 1000


def test_where_nothing_can_be_freed_all_is_read_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(file: int, length: int) -> None:
        raise OSError(95, os.strerror(95))

    monkeypatch.setattr(logfile, "_punch", refuse)
    monkeypatch.setattr(logfile, "KEPT", 0)
    monkeypatch.setattr(logfile, "STEP", 1)
    (tmp_path / "log").write_bytes(b"one\ntwo\n")
    file = LogFile(tmp_path / "log")
    lines, mark = file.read(Mark())
    file.free(mark)
    assert lines == [b"one", b"two"]
    assert file.cannot_free == "Operation not supported"
