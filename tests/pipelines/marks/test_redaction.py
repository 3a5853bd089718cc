"""Keys are known by issuers' shapes, as a kept rule set knows them, in time that grows with the
text and no faster."""

import importlib
import json

import pytest
from fitting_room.pipelines.marks.redaction import (
    DEEPEST,
    REMOVED,
    clean,
    clean_known,
    places_of_secrets,
    without_secrets,
)

A, N, H = "aB3dE5gH7jK9mN1pQ2rS4tU6vW8xY0zA" * 4, "1234567890" * 4, "0123456789abcdef" * 4

SAMPLES = {
    "artifactory": f" AKC{A[:12]} ",
    "aws": "AKIAABCDEFGHIJKLMNOP",
    "azure_storage_key": f"AccountKey={A[:88]}",
    "basic_auth": "https://anna:hunter22@example.org/x",
    "cloudant": f'cloudant_password = "{H}"',
    "discord": f"M{A[:23]}.{A[:6]}.{A[:27]}",
    "github_token": f"ghp_{A[:36]}",
    "gitlab_token": f"glpat-{A[:20]}",
    "ibm_cloud_iam": f'ibm_cloud_api_key = "{A[:44]}"',
    "ibm_cos_hmac": f'cos_secret_access_key = "{H[:48]}"',
    "jwt": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3In0.SflKxwRJSMeKKF2QT4",
    "mailchimp": f"{H[:32]}-us6",
    "npm": f"//registry.npmjs.org/:_authToken=npm_{A[:36]}",
    "openai": f"sk-{A[:20]}T3BlbkFJ{A[:20]}",
    "private_key": "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "pypi_token": f"pypi-AgEIcHlwaS5vcmc{A[:72]}",
    "sendgrid": f"SG.{A[:22]}.{A[:43]}",
    "slack": f"xoxb-{N[:12]}-{N[:12]}-{A[:24].lower()}",
    "softlayer": f"http://api.softlayer.com/soap/v3/{H}",
    "square_oauth": f"sq0csp-{A[:43]}",
    "stripe": f"sk_live_{A[:24]}",
    "telegram_token": f"1234567890:{A[:35]}",
    "twilio": f"AC{H[:32]}",
}
"""Module of detect-secrets -> a text in which it finds a key."""

MORE = (
    "password=hunter2", 'the "api_key": "abcd1234"', "PWD: letmein!", "client_secret => xyz12345",
    f"dckr_pat_{A[:27]}", f"npm_{A[:36]}", f"ya29.{A[:60]}", f"GOCSPX-{A[:28]}",
    f"hooks.slack.com/services/T{N[:9]}/B{N[:9]}/{A[:24]}", f"xapp-1-{A[:30]}",
    f"Authorization: Bearer {A[:40]}", f"hf_{A[:34]}", f"https://x.org/?token={A[:30]}",
    f"discord.com/api/webhooks/{N[:18]}/{A[:60]}", f"r8_{A[:37]}", f"_authToken={A[:30]}",
    "PuTTY-User-Key-File-2: ssh-rsa\nEncryption: none",
)  # fmt: skip


@pytest.mark.parametrize("module", SAMPLES)
def test_what_the_kept_rule_set_finds_is_found_here(module):
    plugins = importlib.import_module(f"detect_secrets.plugins.{module}")
    detectors = [
        each() for name, each in vars(plugins).items()
        if name.endswith("Detector") and each.__module__ == plugins.__name__
    ]  # fmt: skip
    text = SAMPLES[module]
    assert any(set(each.analyze_string(text)) for each in detectors), "the sample is one"
    assert REMOVED in clean_known(text)


@pytest.mark.parametrize("text", MORE)
def test_what_it_does_not_know_is_found_too(text):
    assert REMOVED in clean_known(text)
    assert clean(clean(text)) == clean(text)


@pytest.mark.parametrize(
    "text",
    [
        "Basic photorealistic shirt, Bearer of a long-sleeved garment",
        "the secret garden, a token of love; sk8er boy; hf sound; AC/DC print",
        "models/checkpoints/some_very_long_name_of_a_model_v2_fp16.safetensors",
        "apprehension and APARTMENTS in the AKCELERATION of style",
        "size: 768x1024, pass: 2, key points: 18",
    ],
)
def test_ordinary_words_stay(text):
    assert clean(text) == text


PARTS = ("aB-", "aB1", "eyJ-", "eyJaaaaaaaa.", "sk-", "://a:b", "password=", "pwd    ", "key: ",
         "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "0123456789abcdef", "1234567890:", "MN.",
         "?token", "Bearer ", "=", "A", "hooks.slack.com/", "01234567-0123-0123-0123-0123456789ab:",
         "xox-", "SG.", "{", '"', "\0", "é")  # fmt: skip


@pytest.mark.parametrize("part", PARTS)
def test_a_long_text_of_anything_is_gone_through(part):
    """Some of these took hours: each place was searched to the end of the text."""
    text = part * (300_000 // len(part))
    assert isinstance(clean(text + "g"), str)
    list(places_of_secrets({"t": text}))


# Names, lists and depth


def test_names_are_searched_like_values():
    assert without_secrets({f"hf_{A[:34]}": 1}) == {REMOVED: 1}
    assert list(places_of_secrets({"a": {f"hf_{A[:34]}": {"b": 1}}})) == [f"a.{REMOVED}"]


def test_lists_under_a_secret_name_go():
    value = {"api_keys": ["abc", "def", 3], "text": ["abc"]}
    assert without_secrets(value) == {"api_keys": [REMOVED, REMOVED, 3], "text": ["abc"]}
    assert list(places_of_secrets(value)) == ["api_keys"]


@pytest.mark.parametrize("kind", [list, dict])
@pytest.mark.parametrize("depth", [DEEPEST - 2, 1_000, 100_000])
def test_depth_is_bounded(kind, depth):
    value = "password=hunter2"
    for _ in range(depth):
        value = [value] if kind is list else {"a": value}
    cleaned = without_secrets(value)
    assert "hunter2" not in json.dumps(cleaned)
    assert REMOVED in json.dumps(cleaned)
    assert len(list(places_of_secrets(value))) == (1 if depth < DEEPEST else 0)
