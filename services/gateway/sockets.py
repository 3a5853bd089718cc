"""The web sockets of pages and programs: each caller's own, by the name that the client chose."""

from __future__ import annotations

import asyncio
import json
import logging
import struct
from collections.abc import Mapping
from typing import Any

from aiohttp import WSMessage, WSMsgType, web

logger = logging.getLogger(__name__)

MOST_WAITING = 2000
"""Frames of one client that reads slowly; then previews are left out, and at twice as many it is
cut off."""
PREVIEW, PREVIEW_WITH_METADATA = 1, 4
FORMATS = {"image/jpeg": 1, "image/png": 2}
WITH_METADATA = "supports_preview_metadata"


class ClientSocket:
    """One open web socket; frames go out in order, and nobody waits for a slow reader."""

    def __init__(self, socket: web.WebSocketResponse) -> None:
        self.socket = socket
        self.features: Mapping[str, Any] = {}
        self._waiting: asyncio.Queue[str | bytes | None] = asyncio.Queue()
        self._held = b""

    def tell(self, kind: str, data: Any) -> None:
        self.send(json.dumps({"type": kind, "data": data}))

    def send(self, frame: str | bytes) -> None:
        waiting = self._waiting.qsize()
        if waiting > MOST_WAITING and isinstance(frame, bytes):
            return
        self._waiting.put_nowait(None if waiting > 2 * MOST_WAITING else frame)

    def preview(self, frame: bytes) -> None:
        """A binary frame of an engine. A client that knows no metadata gets it as engines send it
        to such a one: without them, and after the progress to which it belongs."""
        self.progressed()
        if self.features.get(WITH_METADATA, False) or not _has_metadata(frame):
            self.send(frame)
        else:
            self._held = without_metadata(frame)

    def progressed(self) -> None:
        """A frame about progress went out."""
        if self._held:
            self.send(self._held)
            self._held = b""

    async def write(self) -> None:
        """Sends until the end of the connection."""
        while (frame := await self._waiting.get()) is not None:
            try:
                if isinstance(frame, str):
                    await self.socket.send_str(frame)
                else:
                    await self.socket.send_bytes(frame)
            except (ConnectionError, RuntimeError) as error:
                logger.debug("A client is gone: %s", error)
                return
        await self.socket.close()


def _has_metadata(frame: bytes) -> bool:
    return len(frame) >= 8 and struct.unpack_from(">I", frame)[0] == PREVIEW_WITH_METADATA


def without_metadata(frame: bytes) -> bytes:
    """A preview with metadata as older clients know it: type, format, picture."""
    (length,) = struct.unpack_from(">I", frame, 4)
    metadata = json.loads(frame[8 : 8 + length])
    number = FORMATS.get(metadata.get("image_type", ""), 1)
    return struct.pack(">II", PREVIEW, number) + frame[8 + length :]


class Sockets:
    """All open ones, by caller and client."""

    def __init__(self) -> None:
        self._open: dict[tuple[str, str], ClientSocket] = {}

    def of(self, caller: str, client: str) -> ClientSocket | None:
        return self._open.get((caller, client))

    def all_of(self, caller: str) -> list[ClientSocket]:
        return [each for (name, _), each in self._open.items() if name == caller]

    def count(self) -> int:
        return len(self._open)

    async def serve(
        self, request: web.Request, caller: str, client: str, greeting: Any, features: Any
    ) -> web.WebSocketResponse:
        """Holds a client's connection. greeting: () -> frames told first, (kind, data) each."""
        response = web.WebSocketResponse(heartbeat=30, max_msg_size=1 << 20)
        await response.prepare(request)
        mine = ClientSocket(response)
        self._open[caller, client] = mine
        writer = asyncio.create_task(mine.write())
        try:
            for kind, data in greeting():
                mine.tell(kind, data)
            first = True
            async for message in response:
                if first:
                    _features(mine, message, features)
                first = False
        finally:
            if self._open.get((caller, client)) is mine:
                del self._open[caller, client]
            writer.cancel()
        return response

    async def close(self) -> None:
        for each in list(self._open.values()):
            await each.socket.close()


def _features(mine: ClientSocket, message: WSMessage, features: Any) -> None:
    """The first message of a client may say what it understands; then it is told what we do."""
    if message.type != WSMsgType.TEXT:
        return
    try:
        told = json.loads(message.data)
    except ValueError:
        return
    if isinstance(told, dict) and told.get("type") == "feature_flags":
        data = told.get("data")
        mine.features = data if isinstance(data, dict) else {}
        mine.tell("feature_flags", features())
