"""Content credentials with a certificate made here, read back with the same library."""

import datetime
from dataclasses import replace

import numpy as np
import pytest
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.marks.credentials import Credentials, credentials_of
from fitting_room.pipelines.marks.inspection import inspect_picture
from fitting_room.pipelines.marks.provenance import UNMARKED, Marks, save_picture

FORMATS = ("png", "jpeg", "webp")
AI_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"


def noise(height=60, width=80, channels=3, dtype=np.uint8):
    random = np.random.default_rng(height * width + channels)
    return random.integers(0, np.iinfo(dtype).max + 1, (height, width, channels), dtype=dtype)


@pytest.fixture(scope="module")
def signer(tmp_path_factory):
    """A certificate made here, vouched for by an authority made here: nobody trusts it."""
    pytest.importorskip("c2pa")
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    folder = tmp_path_factory.mktemp("certificate")
    authority, own = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    now = datetime.datetime.now(datetime.timezone.utc)

    def name(common):
        return x509.Name([
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Shop Test"),
            x509.NameAttribute(NameOID.COMMON_NAME, common),
        ])  # fmt: skip

    def certificate(subject, key, is_authority):
        usage = dict.fromkeys(
            ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
             "crl_sign", "encipher_only", "decipher_only"), False,
        )  # fmt: skip
        usage |= {"digital_signature": not is_authority, "key_cert_sign": is_authority}
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(authority.public_key())
        begun = (
            x509.CertificateBuilder()
            .subject_name(name(subject))
            .issuer_name(name("Authority"))
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(days=1))
            .not_valid_after(now + datetime.timedelta(days=2))
            .add_extension(x509.BasicConstraints(is_authority, None), critical=True)
            .add_extension(x509.KeyUsage(**usage), critical=True)
            .add_extension(issuer, critical=False)
        )
        if not is_authority:
            purpose = x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION])
            begun = begun.add_extension(purpose, critical=False)
        pem = begun.sign(authority, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        return pem

    chain = certificate("Signer", own, False) + certificate("Authority", authority, True)
    (folder / "chain.pem").write_bytes(chain)
    (folder / "key.pem").write_bytes(
        own.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return Credentials(folder / "chain.pem", folder / "key.pem")


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
