"""What keys and passwords look like: data, kept apart so that it can be compared and renewed.

The shapes of issuers' keys follow detect-secrets 1.5 (Yelp, Apache-2.0) and the issuers' own
documents; a test compares them with that library. Every shape begins with something fixed and has
an upper bound, so that looking for it takes time in proportion to the text and no more.
"""

from __future__ import annotations

ISSUED = {
    "OpenAI, Anthropic, Stripe": r"(?:sk|pk|rk)[-_][A-Za-z0-9_\-]{12,400}",
    "Hugging Face": r"(?:hf|api_org)_[A-Za-z0-9]{12,200}",
    "Replicate": r"r8_[A-Za-z0-9]{12,200}",
    "fal": r"fal[-_][A-Za-z0-9_\-]{12,200}",
    "fal, key and secret": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
    r":[0-9a-fA-F]{16,64}",
    "NVIDIA, xAI, Groq, Together": r"(?:nvapi|xai|gsk|tgp_v1)[-_][A-Za-z0-9_\-]{12,300}",
    "Comfy": r"comfyui-[A-Za-z0-9]{24,200}",
    "GitHub": r"(?:gh[pousr]_[A-Za-z0-9_]{20,255}|github_pat_[A-Za-z0-9_]{20,255})",
    "GitLab": r"(?:gl(?:pat|dt|ft|soat|rt|cbt|imt|ptt|agent)-[A-Za-z0-9_\-]{12,1024}"
    r"|gloas-[A-Za-z0-9_\-]{32,128}|GR1348941[A-Za-z0-9_\-]{20,50})",
    "Amazon": r"(?:A3T[A-Z0-9]|ABIA|ACCA|AKIA|ASIA)[0-9A-Z]{16}(?![0-9A-Z])",
    "Google": r"(?:AIza[A-Za-z0-9_\-]{30,80}|ya29\.[A-Za-z0-9_\-]{20,400}"
    r"|GOCSPX-[A-Za-z0-9_\-]{20,80}|1//0[A-Za-z0-9_\-]{30,200})",
    "Alibaba Cloud": r"LTAI[A-Za-z0-9]{12,60}",
    "Tencent Cloud": r"AKID[A-Za-z0-9]{30,40}",
    "Azure": r"AccountKey=[A-Za-z0-9+/=]{40,100}",
    "Slack": r"xox[a-z](?:\.xox[a-z])?-[A-Za-z0-9\-]{10,300}",
    "Slack app": r"xapp-[A-Za-z0-9\-]{10,300}",
    "Slack webhook": r"hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9_/]{20,200}",
    "Discord webhook": r"discord(?:app)?\.com/api/webhooks/[0-9]{10,30}/[A-Za-z0-9_\-]{20,120}",
    "Discord": r"[MNO][A-Za-z0-9_\-]{23,27}\.[A-Za-z0-9_\-]{6}\.[A-Za-z0-9_\-]{27,45}",
    "Telegram": r"[0-9]{8,10}:[A-Za-z0-9_\-]{35}(?![A-Za-z0-9_\-])",
    "Twilio": r"(?:AC|SK)[0-9a-f]{32}(?![0-9a-f])",
    "SendGrid": r"SG\.[A-Za-z0-9_\-]{16,32}\.[A-Za-z0-9_\-]{30,60}",
    "Mailchimp": r"[0-9a-z]{32}-us[0-9]{1,2}(?![0-9])",
    "Square": r"(?:sq0csp-|sq0atp-|EAAA)[A-Za-z0-9_\\\-]{22,80}",
    "Softlayer": r"softlayer\.com/soap/v3(?:\.1)?/[A-Za-z0-9]{32,100}",
    "npm": r"npm_[A-Za-z0-9]{30,80}",
    "PyPI": r"pypi-[A-Za-z0-9_\-]{50,400}",
    "Docker": r"dckr_(?:pat|oat)_[A-Za-z0-9_\-]{20,80}",
    "JFrog": r"(?:AKC[A-Za-z0-9]{10,100}"
    r"|AP[0-9A-F](?=[A-Za-z]{0,60}[0-9])[A-Za-z0-9]{8,100})",
    "web token": r"eyJ[A-Za-z0-9_\-=]{8,600}\.[A-Za-z0-9_\-=]{8,8000}"
    r"(?:\.[A-Za-z0-9_\-+/=]{1,2000})?",
    "in a header": r"(?:Bearer|Basic|Token)[ ](?=[A-Za-z+/_\-.~]{0,200}[0-9=])"
    r"[A-Za-z0-9+/_\-.=~]{12,4000}",
}  # fmt: skip
"""Who issued it -> the shape, which stands at the beginning of a word."""

PRIVATE_KEY = (
    r"-----BEGIN[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----|PuTTY-User-Key-File-[23]:"
)
PRIVATE_KEY_END = r"-----END[ ][A-Z0-9 ]{0,40}PRIVATE[ ]KEY(?:[ ]BLOCK)?-----"

IN_ADDRESSES = (
    r"(?<=://)[^/\s:@]{0,200}:[^/\s:@]{1,400}(?=@)",  # user:password
    r"(?<=[?&])(?:key|token|sig|signature|api_key|apikey|access_token|auth|password|"
    r"X-Amz-[A-Za-z\-]{1,40})=[^&\s\"']{1,4000}",
)

ASSIGNED = (
    r"(?:password|passwd|passphrase|pwd|secret|_auth(?:token)?|"
    r"(?:api|access|auth|account|private|client|service|db|database)[_\-]?(?:key|token|pass|secret))"
)
"""Names that a value is given to in a text: password=…, "api_key": "…"."""

SECRET_NAMES = (
    r"(?:api|access|secret|private|auth|license|account|service|client)[_\- ]?keys?(?![a-z])|"
    r"token(?!s|iz)|secret|passw|passphrase|pwd|credential|authorization|bearer|cookie|"
    r"^(?:key|auth|pass)$|_auth$"
)
"""Names of inputs and fields whose text never leaves. Numbers stay: "max_tokens" is no secret."""
