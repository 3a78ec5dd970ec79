"""Limits of outputs on the real Docker: speech that is too old goes, and what tidies has no further rights."""

from tests.system.deployment import Deployment

TIDY = "tidy-local-10001"


def speak(single: Deployment) -> None:
    with single.client() as client:
        url = single.outputs()["pools"]["voice"]["url"]
        answer = client.post(f"{url}/v1/audio/speech", json={"input": "Once more.", "response_format": "wav"})
        assert answer.status_code == 200


def outputs(single: Deployment) -> list[str]:
    code, listed = single.inside("voice-1", "find", "/outputs", "-type", "f")
    assert code == 0
    return sorted(listed.decode().split())


def tidy_at_once(single: Deployment) -> str:
    """One look that spares nothing for being young."""
    code, said = single.inside(TIDY, "env", "TIDY_YOUNG=0", "python3", "-m", "tidy", "once")
    assert code == 0, said
    return said.decode()


def test_outputs_are_kept_within_their_limit(single: Deployment) -> None:
    voice = single.pool("voice")
    voice["environment"] = {**voice.get("environment", {}), "VOICE_KEEP_OUTPUTS": "true"}
    voice["outputs_limit"] = {"size": "16m", "age": "1h"}
    single.up()
    speak(single)
    spoken = outputs(single)
    large = "import os; open('/outputs/large.wav', 'wb').write(os.urandom(17 << 20))"
    assert single.inside("voice-1", "python3", "-c", large)[0] == 0
    assert b"are too young, or open" in single.inside(TIDY, "python3", "-m", "tidy", "once")[1]
    assert outputs(single) == sorted([*spoken, "/outputs/large.wav"]), "it was written just now"

    said = tidy_at_once(single)
    assert "removed large.wav (17.0 MiB" in said
    assert "/outputs/large.wav" not in outputs(single)
    speak(single)

    inspected = single.docker.api.inspect_container(single.container_ids()[f"{single.full_name}-{TIDY}"])
    host = inspected["HostConfig"]
    assert (host["NetworkMode"], host["CapDrop"], host["ReadonlyRootfs"]) == ("none", ["ALL"], True)
    assert inspected["Config"]["User"] == "10001:10001"
    assert [mount["Name"] for mount in inspected["Mounts"]] == [f"{single.full_name}-voice-1-outputs"]

    single.up(expect_no_changes=True)
    single.refresh(expect_no_changes=True)

    before = single.lasting_ids()
    voice["outputs_limit"] = {"age": "2h"}
    single.up()
    after = single.lasting_ids()
    changed = {name for name in before if after[name] != before[name]}
    assert changed == {f"{single.full_name}-{TIDY}"}, "another limit replaces what tidies, and nothing else"

    del voice["outputs_limit"]
    single.up()
    assert f"{single.full_name}-{TIDY}" not in single.lasting_ids()
