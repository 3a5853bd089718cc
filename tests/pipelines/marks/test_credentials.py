"""Content credentials with a certificate made here, read back with the same library."""

from dataclasses import replace

import certificates
import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.marks.credentials import credentials_of
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.pipelines.marks.provenance import UNMARKED, Marks, save_picture

FORMATS = ("png", "jpeg", "webp")
AI_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def noise(height=60, width=80, channels=3, dtype=np.uint8):
    random = np.random.default_rng(height * width + channels)
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    pytest.importorskip("c2pa")
    return certificates.signer(tmp_path_factory.mktemp("certificate"))


@pytest.mark.parametrize("kind", FORMATS)
def test_credentials_are_read_back_with_the_other_marks(tmp_path, signer, kind):
    path = save_picture(tmp_path / "a", noise(), format=kind, marks=Marks(credentials=signer))
    found = inspect_picture(path)
    told = found["credentials"]
    assert (told["present"], told["valid"], told["trusted"]) == (True, True, False)
    assert told["issuer"] == "Shop Test"
    assert told["source_types"] == [AI_TYPE]
    assert found["digital_source_type"] == AI_TYPE
    assert found["aigc"]["Label"] == "1"
    key = signer.key.read_bytes().splitlines()[1]
    assert key not in path.read_bytes()


def test_changed_pixels_break_the_credentials(tmp_path, signer):
    path = save_picture(tmp_path / "a.jpg", noise(), marks=Marks(credentials=signer))
    data = bytearray(path.read_bytes())
    data[-20] ^= 0x10
    path.write_bytes(data)
    told = inspect_picture(path)["credentials"]
    assert told["present"]
    assert not told["valid"]
    assert "assertion.dataHash.mismatch" in told["problems"]


def test_credentials_that_do_not_fit_say_so(tmp_path, signer):
    for wrong, said in (
        (replace(signer, algorithm="rsa"), "es256.*'rsa'"),
        (replace(signer, algorithm="ps256"), "fit ps256"),
        (replace(signer, key=tmp_path / "none.pem"), "private key .*none.pem"),
        (replace(signer, certificate=signer.key), "could not be signed"),
    ):
        with pytest.raises(InputError, match=said):
            save_picture(tmp_path / "a.png", noise(), marks=Marks(credentials=wrong))
    with pytest.raises(InputError, match="choose a source"):
        save_picture(tmp_path / "a.png", noise(), marks=replace(UNMARKED, credentials=signer))
    assert list(tmp_path.iterdir()) == []


def test_environment_names_the_signer(tmp_path, signer):
    named = {
        "FITTING_ROOM_C2PA_CERTIFICATE": str(signer.certificate),
        "FITTING_ROOM_C2PA_KEY": str(signer.key),
    }
    assert credentials_of(named) == signer
    assert credentials_of({"PATH": "/bin"}) is None
    more = {"FITTING_ROOM_C2PA_ALGORITHM": "ps256", "FITTING_ROOM_C2PA_TIMESTAMP_URL": "http://t"}
    assert credentials_of(named | more) == replace(
        signer, algorithm="ps256", timestamp_url="http://t"
    )
    for name in named:
        with pytest.raises(InputError, match=f"{name} is not set"):
            credentials_of({**named, name: ""})
