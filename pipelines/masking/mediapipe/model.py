"""The three networks of this folder, on the processor: OpenCV runs them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

FOLDER = Path(__file__).parent


class BodyModel:
    """Each network is opened when it is first asked. May be used by several threads at once."""

    def __init__(self) -> None:
        self._detector = _Network("person_detector", ("boxes", "scores"))
        self._landmarks = _Network("pose_landmarks", ("landmarks", "heat", "flag", "mask"))
        self._segmentation = _Network("selfie_segmentation", ("person",))

    def detect(self, picture: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(3, 224, 224) RGB in 0..1 -> boxes (2254, 12), scores (2254,), as `decode_people` takes
        them."""
        boxes, scores = self._detector(picture * np.float32(2) - np.float32(1))
        return boxes[0], scores[0, :, 0]

    def landmarks(self, crop: np.ndarray) -> tuple[np.ndarray, np.ndarray, float, np.ndarray]:
        """(3, 256, 256) RGB in 0..1 -> landmarks (39, 5) and heat (39, 64, 64), as
        `decode_landmarks` takes them, flag: logit of "a person is here", mask (256, 256): logits
        of "belongs to that person"."""
        landmarks, heat, flag, mask = self._landmarks(crop)
        return landmarks[0], heat[0], float(flag.item()), _spread(mask[0])

    def segment(self, picture: np.ndarray) -> np.ndarray:
        """(3, 256, 256) RGB in 0..1 -> probability of "person" (256, 256), everybody in the picture
        together."""
        (person,) = self._segmentation(picture)
        return _spread(person[0])


def _spread(cells: np.ndarray) -> np.ndarray:
    """(4, height, width), the four pixels of each cell by rows -> (2 height, 2 width)."""
    height, width = cells.shape[1:]
    pixels = cells.reshape(2, 2, height, width).transpose(2, 0, 3, 1)
    return pixels.reshape(2 * height, 2 * width)


class _Network:
    def __init__(self, name: str, outputs: Sequence[str]) -> None:
        self._file, self._outputs = FOLDER / f"{name}.onnx", outputs
        self._net: Any = None
        self._lock = Lock()  # OpenCV keeps inputs and results in the network itself

    def __call__(self, picture: np.ndarray) -> Sequence[np.ndarray]:
        """The outputs for one picture float32 (3, height, width)."""
        import cv2

        with self._lock:
            if self._net is None:
                self._net = cv2.dnn.readNetFromONNX(np.fromfile(self._file, np.uint8))
            self._net.setInput(np.ascontiguousarray(picture)[None])
            return self._net.forward(self._outputs)


def load_body_model() -> BodyModel:
    """The networks, about 50 MB of memory once all were asked."""
    return BodyModel()
