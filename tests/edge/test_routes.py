"""The edge's own files on the real Traefik."""

from pathlib import Path

from tests.edge.edging import edging, planned


def test_a_request_reaches_its_pool_and_no_other_name_does(tmp_path: Path) -> None:
    with edging(tmp_path, planned()) as edge, edge.client("voice.localhost") as client:
        assert client.get("/echo").status_code == 200
        assert client.get("/echo", headers={"Host": "else.localhost"}).status_code == 404
