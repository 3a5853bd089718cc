"""A certificate made here, vouched for by an authority made here: nobody trusts it."""

import datetime
from pathlib import Path

from fitting_room.pipelines.marks.credentials import Credentials


def signer(folder: Path) -> Credentials:
    """Writes chain.pem and key.pem into `folder`, and says who signs with them."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

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
