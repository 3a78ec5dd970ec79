"""The edge's own files on the real Traefik."""

from pathlib import Path

from tests.edge.edging import edging, planned


def test_a_request_reaches_its_pool_and_no_other_name_does(tmp_path: Path) -> None:
    with edging(tmp_path, planned()) as edge, edge.client("voice.localhost") as client:
        assert client.get("/echo").status_code == 200
        assert client.get("/echo", headers={"Host": "else.localhost"}).status_code == 404


def test_behind_the_edge_the_guard_chooses_the_instance_and_no_route_leads_past_it(tmp_path: Path) -> None:
    pool = {"name": "voice", "instances": 2, "routes": {"pool": "voice.{domain}", "instance": "voice{n}.{domain}"}}
    with edging(tmp_path, planned(pool), guarded=True) as edge:
        for host, instances in {
            "voice.localhost": {"tts-test-voice-1", "tts-test-voice-2"},
            "voice1.localhost": {"upstream"},
        }.items():
            with edge.client(host) as client:
                assert client.get(f"/work?by={host}").text in instances
        assert {"/work?by=voice.localhost", "/work?by=voice1.localhost"} < {each["target"] for each in edge.reached()}
