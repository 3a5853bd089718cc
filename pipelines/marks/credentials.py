"""Content credentials (C2PA): a signed record of how a file came about, and reading it back.

Optional: needs the package `c2pa-python` (`pip install comfyui-fitting-room[c2pa]`) and a
certificate of the user's own. Self-signed certificates are refused by the library; whether a reader
trusts a certificate is decided by the reader's own list.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

ALGORITHMS = ("es256", "es384", "es512", "ps256", "ps384", "ps512", "ed25519")

VARIABLES = ("CERTIFICATE", "KEY", "ALGORITHM", "TIMESTAMP_URL")
"""FITTING_ROOM_C2PA_…: paths of keys belong to a machine, never to a workflow that is shared."""

# No picture is fetched from anywhere: neither when signing nor when reading a stranger's file.
OFFLINE = {
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
    "builder": {"thumbnail": {"enabled": False}},
}


@dataclass(frozen=True)
class Credentials:
    """Who signs. certificate: PEM file, the signer's first, then those that vouch for it.

    key: PEM file of the private key; only its path is kept here. algorithm: one of ALGORITHMS, the
    kind of the key. timestamp_url: address of a time-stamp authority, asked at each signing; empty
    for none, and then nothing goes over the network.
    """

    certificate: Path
    key: Path
    algorithm: str = "es256"
    timestamp_url: str = ""


def credentials_of(environment: Mapping[str, str]) -> Credentials | None:
    """Who signs, from $FITTING_ROOM_C2PA_CERTIFICATE and $FITTING_ROOM_C2PA_KEY; None without them.

    Optional: $FITTING_ROOM_C2PA_ALGORITHM (es256 where it is not set) and
    $FITTING_ROOM_C2PA_TIMESTAMP_URL. Raises InputError where only one of the two files is named.
    """
    named = {name: environment.get(f"FITTING_ROOM_C2PA_{name}", "") for name in VARIABLES}
    missing = [name for name in ("CERTIFICATE", "KEY") if not named[name]]
    if len(missing) == 2:
        return None
    if missing:
        raise InputError(
            "Content credentials need a certificate and its key, and FITTING_ROOM_C2PA_"
            f"{missing[0]} is not set. Set both variables, or neither to save without."
        )
    return Credentials(
        Path(named["CERTIFICATE"]).expanduser(),
        Path(named["KEY"]).expanduser(),
        named["ALGORITHM"] or "es256",
        named["TIMESTAMP_URL"],
    )


def sign(data: bytes, mime: str, credentials: Credentials, *, source: str, tool: str) -> bytes:
    """The file with a signed manifest: made by `tool`, of the IPTC source type `source`.

    data: a whole PNG, JPEG, WebP or MP4 file. Raises InputError where the package is missing, a
    file cannot be read, or the certificate, key and algorithm do not fit.
    """
    c2pa = _library()
    if credentials.algorithm not in ALGORITHMS:
        raise InputError(
            f"Content credentials are signed with one of {', '.join(ALGORITHMS)}, "
            f"not with {credentials.algorithm!r}."
        )
    manifest = {
        "claim_generator_info": [{"name": tool}],
        "format": mime,
        "assertions": [
            {
                "label": "c2pa.actions.v2",
                "data": {
                    "actions": [
                        {
                            "action": "c2pa.created",
                            "digitalSourceType": source,
                            "softwareAgent": {"name": tool},
                        }
                    ]
                },
            }
        ],
    }
    try:
        info = c2pa.C2paSignerInfo(
            credentials.algorithm.encode(),
            _read(credentials.certificate, "certificate"),
            _read(credentials.key, "private key"),
            credentials.timestamp_url.encode() or None,
        )
        with (
            c2pa.Context.from_dict(OFFLINE) as context,
            c2pa.Signer.from_info(info) as signer,
            c2pa.Builder(manifest, context=context) as builder,
        ):
            signed = io.BytesIO()
            builder.sign(signer, mime, io.BytesIO(data), signed)
    except c2pa.C2paError as error:
        raise InputError(
            f"The content credentials could not be signed with {credentials.certificate}: {error}. "
            f"Check that certificate and key belong together and fit {credentials.algorithm}."
        ) from error
    return signed.getvalue()


def read_credentials(data: bytes, mime: str) -> dict[str, Any] | None:
    """What a file's manifest says; None without one. Needs the package.

    {"valid": signature and contents agree, "trusted": the signer is on a trust list, "issuer",
    "tool", "source_types", "problems"}. A manifest that only lies elsewhere is not fetched.
    """
    c2pa = _library()
    try:
        with (
            c2pa.Context.from_dict(OFFLINE) as context,
            c2pa.Reader(mime, io.BytesIO(data), context=context) as reader,
        ):
            store = json.loads(reader.json())
    except c2pa.C2paError.ManifestNotFound:
        return None
    except c2pa.C2paError as error:
        return {"valid": False, "trusted": False, "problems": [str(error)]}
    except (ValueError, RecursionError) as error:
        return {"valid": False, "trusted": False, "problems": [f"no JSON: {error}"]}
    try:
        return _told(store)
    except (LookupError, TypeError, AttributeError) as error:  # a manifest may say anything
        return {"valid": False, "trusted": False, "problems": [f"not understood: {error!r}"]}


def _told(store: dict[str, Any]) -> dict[str, Any]:
    manifest = store["manifests"][store["active_manifest"]]
    problems = [status["code"] for status in store.get("validation_status", [])]
    broken = [code for code in problems if not code.endswith(".untrusted")]
    actions = [
        action
        for assertion in manifest.get("assertions", [])
        if assertion["label"].startswith("c2pa.actions")
        for action in assertion["data"]["actions"]
    ]
    tools = [info.get("name", "") for info in manifest.get("claim_generator_info", [])]
    return {
        "valid": not broken,
        "trusted": not problems,
        "issuer": manifest.get("signature_info", {}).get("issuer", ""),
        "tool": ", ".join(tools),
        "source_types": [a["digitalSourceType"] for a in actions if "digitalSourceType" in a],
        "problems": problems,
    }


def _read(path: Path, what: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise InputError(f"The {what} for content credentials cannot be read: {error}") from error


def _library() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise InputError(
            "Content credentials need the package c2pa-python: "
            "pip install comfyui-fitting-room[c2pa]"
        ) from error
    return c2pa
