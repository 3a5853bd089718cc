"""Writes samples/video.mp4: the sample person under a camera that sways, with a soft tone.

python scripts/draw_video.py [FILE]     needs PyAV, which comes with ComfyUI
"""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FRAMES, RATE, SIZE = 33, 16, (384, 480)
SOUND_RATE = 24000


def frame(photo: Image.Image, number: int) -> Image.Image:
    turn = 2 * np.pi * number / FRAMES
    zoom = 1 + 0.06 * (1 - np.cos(turn)) / 2
    wide, high = 0.8 * photo.width / zoom, photo.width / zoom
    left = (photo.width - wide) / 2 + 0.06 * photo.width * np.sin(turn)
    top = (photo.height - high) / 2
    box = (left, top, left + wide, top + high)
    return photo.transform(SIZE, Image.Transform.EXTENT, box, Image.Resampling.BICUBIC)


def main() -> None:
    target = sys.argv[1] if len(sys.argv) > 1 else str(ROOT / "samples" / "video.mp4")
    photo = Image.open(ROOT / "samples" / "person.jpg").convert("RGB")
    with av.open(target, "w") as file:
        pictures = file.add_stream("libx264", rate=RATE, options={"crf": "24"})
        pictures.width, pictures.height, pictures.pix_fmt = *SIZE, "yuv420p"
        sound = file.add_stream("aac", rate=SOUND_RATE, layout="mono")
        for number in range(FRAMES):
            packet = av.VideoFrame.from_image(frame(photo, number))
            file.mux(pictures.encode(packet))
        file.mux(pictures.encode())
        times = np.arange(SOUND_RATE * FRAMES // RATE) / SOUND_RATE
        wave = (0.1 * np.sin(2 * np.pi * 220 * times)).astype(np.float32)
        for start in range(0, len(wave), 1024):
            part = av.AudioFrame.from_ndarray(wave[None, start : start + 1024], "fltp", "mono")
            part.sample_rate, part.pts = SOUND_RATE, start
            part.time_base = Fraction(1, SOUND_RATE)
            file.mux(sound.encode(part))
        file.mux(sound.encode())


if __name__ == "__main__":
    main()
