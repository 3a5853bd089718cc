"""Addresses, keys and pictures of strangers: what is asked, what is shown, what is read."""

import io
import pickle
import zlib

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.services.hosted.addresses import (
    ForbiddenAddress,
    place_to_ask,
    same_place,
    service_address,
)  # fmt: skip
from fitting_room.services.hosted.keys import Keys, Secret, find_keys
from fitting_room.services.hosted.models import read_models
from fitting_room.services.hosted.pictures import (
    NoPicture,
    PictureLimits,
    decode,
    encode,
    fit_to_photo,
    from_uri,
)  # fmt: skip
from PIL import Image

SWITCH = "FITTING_ROOM_ALLOW_LOOPBACK"


@pytest.fixture(autouse=True)
def no_switch(monkeypatch):
    monkeypatch.delenv(SWITCH, raising=False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)


# ---------------------------------------------------------------- addresses


@pytest.mark.parametrize(
    "address",
    [
        "http://93.184.216.34/a.png", "https://127.0.0.1/a", "https://localhost/a",
        "https://10.1.2.3/", "https://192.168.0.1/", "https://172.16.0.1/",
        "https://169.254.169.254/latest/meta-data", "https://[::1]/", "https://[fe80::1]/",
        "https://[fd00::1]/", "https://[::ffff:127.0.0.1]/", "https://[2002:7f00:1::]/",
        "https://0.0.0.0/", "https://100.64.0.1/", "https://224.0.0.1/", "https://2130706433/",
        "https://0x7f000001/", "https://93.184.216.34:22/", "file:///etc/passwd", "ftp://a/b",
        "data:image/png;base64,AAAA", "https://", "", "nonsense", "https://a b/", "//example.com/",
        "https://user:word@93.184.216.34/", "https://exa\nmple.com/", "https://éxample.com/",
        "https://93.184.216.34:99999/", "javascript:alert(1)", None, 7, ["https://a"],
    ],
)  # fmt: skip
def test_what_is_not_asked(address):
    with pytest.raises(ForbiddenAddress):
        place_to_ask(address)


def test_a_public_address_is_asked_as_it_was_looked_up():
    asked, headers, extensions = place_to_ask("https://93.184.216.34/a.png?x=1")
    assert asked == "https://93.184.216.34/a.png?x=1"
    assert headers == {"Host": "93.184.216.34"}
    assert extensions == {"sni_hostname": "93.184.216.34"}


def test_a_name_is_looked_up_once_and_its_address_is_asked(monkeypatch):
    answers = [[(2, 1, 6, "", ("93.184.216.34", 443))], [(2, 1, 6, "", ("127.0.0.1", 443))]]
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: answers.pop(0))
    asked, headers, extensions = place_to_ask("https://pictures.example/a.png")
    assert asked == "https://93.184.216.34/a.png"
    assert headers["Host"] == extensions["sni_hostname"] == "pictures.example"
    with pytest.raises(ForbiddenAddress):
        place_to_ask("https://pictures.example/a.png")


def test_one_private_address_among_public_ones_is_enough(monkeypatch):
    both = [(2, 1, 6, "", ("93.184.216.34", 443)), (2, 1, 6, "", ("10.0.0.1", 443))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: both)
    with pytest.raises(ForbiddenAddress):
        place_to_ask("https://pictures.example/a.png")


def test_the_switch_allows_loopback_and_nothing_else(monkeypatch):
    monkeypatch.setenv(SWITCH, "1")
    assert place_to_ask("http://127.0.0.1:8600/a.png")[0] == "http://127.0.0.1:8600/a.png"
    for address in ("http://169.254.169.254/", "http://10.0.0.1/", "http://93.184.216.34/"):
        with pytest.raises(ForbiddenAddress):
            place_to_ask(address)


def test_the_message_holds_no_signature(monkeypatch):
    with pytest.raises(ForbiddenAddress) as told:
        place_to_ask("https://10.0.0.1/a?Signature=s3cret")
    assert "s3cret" not in str(told.value)


@pytest.mark.parametrize(
    ("given", "found"),
    [("https://gateway.example/fashn/", "https://gateway.example/fashn"),
     ("gateway.example", "https://gateway.example")],
)  # fmt: skip
def test_a_service_may_stand_elsewhere(monkeypatch, given, found):
    monkeypatch.setenv("FITTING_ROOM_FASHN_URL", given)
    assert service_address("fashn", "https://api.fashn.ai", "FASHN_BASE_URL") == found


@pytest.mark.parametrize("given", ["http://127.0.0.1:1", "http://gateway.example", "ftp://a",
                                   "https://user:word@gateway.example", "https://"])  # fmt: skip
def test_an_address_for_keys_and_photos_must_be_safe(monkeypatch, given):
    monkeypatch.setenv("FITTING_ROOM_FASHN_URL", given)
    with pytest.raises(InputError) as told:
        service_address("fashn", "https://api.fashn.ai")
    assert "word@" not in str(told.value)


def test_same_place_means_scheme_host_and_port():
    assert same_place("https://queue.fal.run/a", "https://queue.fal.run:443/b")
    for other in ("http://queue.fal.run/", "https://queue.fal.run.evil/", "https://fal.run/",
                  "https://queue.fal.run:444/"):  # fmt: skip
        assert not same_place(other, "https://queue.fal.run/")


# ---------------------------------------------------------------- keys


def test_a_key_does_not_print():
    secret = Secret("sk-very-secret-0123456789")
    for shown in (str(secret), repr(secret), f"{secret}", f"{secret!r:>9}", str([secret]),
                  str(Keys({"A": secret}))):  # fmt: skip
        assert "very-secret" not in shown
    with pytest.raises(TypeError):
        pickle.dumps(secret)


def test_a_key_is_taken_out_of_words_in_all_its_parts():
    keys = Keys({"FAL_KEY": Secret("11111111-2222-3333:abcdefabcdefabcdef")})
    assert keys.hide("at 11111111-2222-3333:abcdefabcdefabcdef") == "at ***"
    assert "abcdefabcdef" not in keys.hide("half of it: abcdefabcdefabcdef")


@pytest.mark.parametrize("value", ["with space", "with\nbreak", "schlüssel"])
def test_a_malformed_key_is_told_without_it(monkeypatch, value):
    monkeypatch.setenv("FASHN_API_KEY", value)
    with pytest.raises(InputError) as told:
        find_keys(("FASHN_API_KEY",))
    assert value not in str(told.value)


def test_a_missing_key_is_named(monkeypatch):
    monkeypatch.delenv("FASHN_API_KEY", raising=False)
    monkeypatch.setattr(
        "fitting_room.services.hosted.keys._from_keyring", lambda name, moment: ""
    )  # fmt: skip
    with pytest.raises(InputError, match="FASHN_API_KEY"):
        find_keys(("FASHN_API_KEY",))


def test_the_keyring_is_asked_where_the_environment_has_none(monkeypatch):
    keyring = pytest.importorskip("keyring")
    from fitting_room.services.hosted.keys import _from_keyring

    _from_keyring.cache_clear()
    monkeypatch.delenv("FASHN_API_KEY", raising=False)
    asked = []
    monkeypatch.setattr(
        keyring, "get_password", lambda service, name: asked.append((service, name)) or "from-ring"
    )
    assert find_keys(("FASHN_API_KEY",))["FASHN_API_KEY"] == "from-ring"
    assert asked == [("fitting-room", "FASHN_API_KEY")]
    _from_keyring.cache_clear()


# ---------------------------------------------------------------- pictures


def noise(height=64, width=48):
    return np.random.default_rng(0).integers(0, 255, (height, width, 3), np.uint8)


def saved(array, kind="PNG", **how):
    out = io.BytesIO()
    Image.fromarray(array).save(out, kind, **how)
    return out.getvalue()


def test_what_is_sent_has_no_metadata_and_the_wanted_size():
    sent = encode(noise(3000, 2000), PictureLimits(longest=1024, most=2**20))
    with Image.open(io.BytesIO(sent.data)) as image:
        assert max(image.size) == 1024
        assert not image.getexif()
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
    assert len(sent.data) <= 2**20


def test_a_small_picture_is_sent_exactly_and_a_light_one_made_heavier():
    assert np.array_equal(decode(encode(noise(), PictureLimits()).data), noise())
    flat = np.full((400, 400, 3), 90, np.uint8)
    assert len(encode(flat, PictureLimits(least=5120)).data) >= 5120


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_pictures_are_read_by_their_content(kind):
    assert decode(saved(noise(), kind)).shape == (64, 48, 3)


def bomb():
    def chunk(kind, body):
        crc = zlib.crc32(kind + body).to_bytes(4, "big")
        return len(body).to_bytes(4, "big") + kind + body + crc

    size = (30_000).to_bytes(4, "big")
    head = chunk(b"IHDR", size + size + bytes([8, 2, 0, 0, 0]))
    rows = chunk(b"IDAT", zlib.compress(bytes(1 << 20), 9))
    return b"\x89PNG\r\n\x1a\n" + head + rows + chunk(b"IEND", b"")


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"), (b"<!DOCTYPE html><html>no</html>", "web page"),
        (b"MZ" + bytes(99), "no picture"),
        (saved(noise())[:200], "broken"), (bomb(), "picture"),
        (b"GIF89a" + bytes(50), "no picture"), (b"%!PS-Adobe-3.0 EPSF", "no picture"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "no picture"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused(data, words):
    with pytest.raises(NoPicture, match=words):
        decode(data)


def test_data_addresses():
    data = saved(noise())
    assert from_uri(encode(noise(), PictureLimits()).uri()) is not None
    assert from_uri("https://example.com") is None
    with pytest.raises(NoPicture):
        from_uri("data:image/png;base64,****")
    assert decode(data).shape == (64, 48, 3)


def test_another_size_is_brought_to_the_photos():
    made, doubts = fit_to_photo(noise(96, 72), noise())
    assert made.shape == (64, 48, 3) and not doubts


def test_another_shape_is_cut_and_told():
    made, doubts = fit_to_photo(noise(64, 64), noise(64, 32))
    assert made.shape == (64, 32, 3)
    assert "another shape" in doubts[0]
    assert np.array_equal(made, noise(64, 64)[:, 16:48])


def test_a_tiny_picture_and_an_unchanged_one_are_told():
    assert "enlarged" in fit_to_photo(noise(8, 6), noise())[1][0]
    assert "nothing was put on" in fit_to_photo(noise(), noise())[1][0]


def test_outside_a_mask_nothing_changes():
    photo, mask = np.full((64, 48, 3), 9, np.uint8), np.zeros((64, 48), np.float32)
    mask[:10] = 1
    made, _ = fit_to_photo(noise(), photo, mask)
    assert np.array_equal(made[10:], photo[10:])
    assert np.array_equal(made[:10], noise()[:10])


# ---------------------------------------------------------------- models as data


def test_every_shipped_model_is_whole():
    models = read_models()
    assert len(models) >= 12
    assert all(model.for_a_shop for model in models.values())


def test_the_user_adds_a_model_and_a_bad_one_is_named(tmp_path):
    own = tmp_path / "models.toml"
    own.write_text(
        '[[model]]\nname = "replicate/mine"\nremote = "me/mine"\nseconds = 9\nshop = "yes"\n'
        'for_a_shop = "mine"\ninputs = { person = "p", garment = "g", category = "c" }\n'
        'categories = { upper = "top" }\n'
    )
    assert read_models(own)["replicate/mine"].categories == {"upper": "top"}
    own.write_text('[[model]]\nname = "x"\n')
    with pytest.raises(InputError, match="models.toml"):
        read_models(own)
