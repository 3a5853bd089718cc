"""Two workers whose results go to an object store: moto's S3 on the loopback."""

import json
from pathlib import Path

import pytest
from fitting_room.commands.main import main
from PIL import Image

SAMPLES = Path(__file__).resolve().parents[2] / "samples"
BUCKET = "fitting-room-test"


@pytest.fixture
def bucket(monkeypatch):
    """Client of a bucket of an S3 on this machine, which the environment names."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for name, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():  # fmt: skip
        monkeypatch.setenv(name, value)
    import boto3

    client = boto3.client("s3")
    client.create_bucket(Bucket=BUCKET)
    yield client
    server.stop()


@pytest.fixture
def people_and_garments(tmp_path):
    for kind in ("people", "garments"):
        (tmp_path / kind).mkdir()
    person = Image.open(SAMPLES / "person.jpg").convert("RGB").resize((256, 256))
    person.save(tmp_path / "people" / "ann.png")
    person.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(tmp_path / "people" / "bob.png")
    for name in ("tshirt", "stripes"):
        Image.open(SAMPLES / f"{name}.png").resize((256, 256)).save(
            tmp_path / "garments" / f"{name}.png"
        )
    return tmp_path / "people", tmp_path / "garments"


def test_a_fleet_puts_its_results_into_a_bucket_once(bucket, people_and_garments, tmp_path, capsys):
    pytest.importorskip("ray")
    people, garments = people_and_garments

    def batch():
        code = main(
            ["batch", "--people", str(people), "--garments", str(garments), "--category", "upper",
             "--out", f"s3://{BUCKET}/night/run", "--workers", "2", "--json", "--gallery",
             "--ledger", f"sqlite:///{tmp_path / 'ledger.sqlite'}"]
        )  # fmt: skip
        return code, json.loads(capsys.readouterr().out.splitlines()[-1])

    def kept():
        found = bucket.list_objects_v2(Bucket=BUCKET, Prefix="night/run/")["Contents"]
        return {each["Key"].removeprefix("night/run/"): each["LastModified"] for each in found}

    code, told = batch()
    assert code == 0 and (told["done"], told["skipped"]) == (4, 0)
    made = {name: when for name, when in kept().items() if name.endswith(".png")}
    assert set(made) == {f"{p}__{g}.png" for p in ("ann", "bob") for g in ("tshirt", "stripes")}
    assert "gallery.html" in kept()
    picture = bucket.get_object(Bucket=BUCKET, Key="night/run/ann__tshirt.png")["Body"]
    assert Image.open(picture).size == (256, 256)
    code, told = batch()
    assert code == 0 and (told["done"], told["skipped"]) == (0, 4)
    assert {name: when for name, when in kept().items() if name in made} == made
