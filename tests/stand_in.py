"""A stand-in of one hosted service (FASHN's protocol) for any clone: standard library and Pillow.

It answers with the person's picture in which the garment's mean colour is mixed into the middle.
`wrong` names what goes wrong, once or for ever; `jobs` is what was accepted and billed.
"""

import base64
import io
import json
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from PIL import Image

KEY = "fa-StandIn0StandIn0-StandIn0StandIn0"


class StandIn:
    """`with StandIn() as service:` — service.address, service.jobs, service.seen, service.wrong."""

    def __init__(self, seconds=0.2):
        self.seconds, self.jobs, self.seen, self.wrong = seconds, {}, [], {}

    def __enter__(self):
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_):
                pass

            def do_POST(self):
                stand_in.post(self)

            def do_GET(self):
                stand_in.get(self)

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    @property
    def variables(self):
        return {
            "FASHN_API_KEY": KEY,
            "FITTING_ROOM_FASHN_URL": self.address,
            "FITTING_ROOM_ALLOW_LOOPBACK": "1",
        }

    @property
    def billed(self):
        return [job for job in self.jobs.values() if job["billed"]]

    def _goes_wrong(self, what):
        left = self.wrong.get(what, 0)
        if left:
            self.wrong[what] = left - 1
        return left

    def post(self, call):
        body = json.loads(call.rfile.read(int(call.headers["Content-Length"])))
        self.seen.append(("POST", call.path, dict(call.headers)))
        if call.headers.get("Authorization") != f"Bearer {KEY}":
            return _answer(call, 401, {"error": "UnauthorizedAccess", "message": "Invalid token"})
        if self._goes_wrong("busy"):
            told = {"error": "RateLimitExceeded", "message": "Too many requests"}
            return _answer(call, 429, told, {"Retry-After": "0.2"})
        if self._goes_wrong("empty account"):
            told = {"error": "OutOfCredits", "message": "No API credits remaining"}
            return _answer(call, 429, told)
        name = str(uuid.uuid4())
        self.jobs[name] = {"inputs": body["inputs"], "at": time.monotonic(), "billed": True}
        if self._goes_wrong("lost answer"):
            call.close_connection = True
            return call.connection.close()
        if self._goes_wrong("broke after it took the job"):
            told = {"error": "InternalServerError", "message": "Internal server error"}
            return _answer(call, 500, told)
        return _answer(call, 200, {"id": name, "error": None})

    def get(self, call):
        self.seen.append(("GET", call.path, dict(call.headers)))
        name = call.path.rstrip("/").split("/")[-1].split(".")[0]
        if call.path == "/v1/credits":
            return _answer(
                call, 200, {"credits": {"total": 10, "subscription": 0, "on_demand": 10}}
            )
        if name not in self.jobs:
            return _answer(call, 404, {"error": "NotFound", "message": "Prediction not found"})
        if call.path.startswith("/results/"):
            return self._picture(call, self.jobs[name])
        told = {"id": name, "status": "processing", "output": None, "error": None}
        if time.monotonic() - self.jobs[name]["at"] < self.seconds:
            return _answer(call, 200, told)
        if self._goes_wrong("moderated"):
            self.jobs[name]["billed"] = False
            error = {"name": "ContentModerationError", "message": "flagged"}
            return _answer(call, 200, {**told, "status": "failed", "error": error})
        link = self.wrong.get("link") or f"{self.address}/results/{name}.png"
        done = {**told, "status": "completed", "output": [link]}
        return _answer(call, 200, done, {"x-fashn-credits-used": "1"})

    def _picture(self, call, job):
        person, garment = (_decoded(job["inputs"][n]) for n in ("model_image", "garment_image"))
        width, height = person.size
        box = (width // 4, height // 4, 3 * width // 4, 3 * height // 4)
        colour = Image.new(
            "RGB", (1, 1), garment.resize((1, 1), Image.Resampling.BOX).getpixel((0, 0))
        )
        patch = colour.resize((box[2] - box[0], box[3] - box[1]))
        person.paste(Image.blend(person.crop(box), patch, 0.5), box[:2])
        out = io.BytesIO()
        person.save(out, "PNG")
        data = out.getvalue()
        if self._goes_wrong("cut file"):
            data = data[: len(data) // 2]
        call.send_response(200)
        call.send_header("Content-Type", "image/png")
        call.send_header("Content-Length", str(len(data)))
        call.end_headers()
        call.wfile.write(data)


def _decoded(uri):
    data = base64.b64decode(uri.split(",", 1)[1])
    return Image.open(io.BytesIO(data)).convert("RGB")


def _answer(call, status, told, headers=None):
    data = json.dumps(told).encode()
    call.send_response(status)
    for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
        call.send_header(name, value)
    call.send_header("Content-Length", str(len(data)))
    call.end_headers()
    call.wfile.write(data)
