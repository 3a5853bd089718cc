"""Steadies what is seen frame by frame: landmarks over a few frames, then masks, never over a cut.

Everything here takes an iterable of frames and gives an iterator: it looks a few frames ahead, so
memory does not grow with the length of the video.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from ..errors import InputError
from ..masking.body import Body
from ..masking.rules_common import opencv
from .follow import Follower, Seen, is_cut, thumbnail, torso

REACH = 2  # frames on each side that a frame is smoothed over
GAP = 3  # frames without a reading between two that show the person
SIGMA = 1.2  # frames
WORKING_SIDE = 640  # pixels of the longer side in which masks are compared over time

Draw = Callable[[np.ndarray, Body], np.ndarray]


@dataclass(frozen=True)
class FrameMask:
    """mask: float32 (height, width) of the frame, 1 = redraw, all 0 where nobody is. shot: counts
    cuts. seen: whether the person was read in this frame ("read"), between two others
    ("between"), or not ("nobody")."""

    mask: np.ndarray
    shot: int
    seen: str


def watch(frames: Iterable[np.ndarray], follower: Follower) -> Iterator[Seen]:
    """What is in each frame, uint8 (height, width, 3). Raises InputError where sizes change."""
    before, shape, shot = None, None, 0
    for picture in frames:
        if shape is not None and picture.shape != shape:
            raise InputError("All frames of a video must be of one size.")
        shape, small = picture.shape, thumbnail(picture)
        if before is not None and is_cut(before, small):
            shot += 1
            follower.start()
        before = small
        yield Seen(picture, shot, follower(picture))


def windows(items: Iterable, reach: int) -> Iterator[tuple[list, int]]:
    """Each item with up to `reach` neighbours on each side: (them in order, which one it is)."""
    held: deque = deque()
    ahead = iter(items)
    first = 0  # number of the leftmost that is held
    for number in range(1 << 62):
        while first + len(held) <= number + reach:
            try:
                held.append(next(ahead))
            except StopIteration:
                break
        if number >= first + len(held):
            return
        if number - first > reach:
            held.popleft()
            first += 1
        yield list(held), number - first


def steady_bodies(seen: Iterable[Seen]) -> Iterator[tuple[Seen, str]]:
    """Bodies with landmarks smoothed over time; short gaps are filled from both sides."""
    for around, here in windows(seen, max(REACH, GAP)):
        now = around[here]
        same = [
            (index - here, item.body)
            for index, item in enumerate(around)
            if item.shot == now.shot and item.body is not None
        ]
        if now.body is not None:
            near = [(at, body) for at, body in same if abs(at) <= REACH]
            yield replace(now, body=_smoothed(now.body, near)), "read"
        elif any(at < 0 for at, _ in same) and any(at > 0 for at, _ in same):
            yield replace(now, body=_between(same)), "between"
        else:
            yield now, "nobody"


def _smoothed(body: Body, near: list[tuple[int, Body]]) -> Body:
    """Landmarks on a straight line over time, weighted towards now; outliers do not count."""
    if len(near) < 3:
        return body
    times = np.array([at for at, _ in near], float)
    places = np.stack([other.landmarks[:, :3] for _, other in near])
    weights = np.exp(-(times**2) / (2 * SIGMA**2))[:, None, None] * np.ones_like(places)
    for _ in range(2):
        line = _line_at_zero(times, places, weights)
        rest = np.abs(places - line[1] * times[:, None, None] - line[0])
        usual = np.maximum(np.median(rest, axis=0), 0.5)
        weights = np.where(rest > 3 * usual, 1e-3 * weights, weights)
    landmarks = body.landmarks.copy()
    landmarks[:, :3] = _line_at_zero(times, places, weights)[0]
    return replace(body, landmarks=landmarks)


def _line_at_zero(
    times: np.ndarray, places: np.ndarray, weights: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Weighted least squares: (value at time 0, change per frame)."""
    t, whole = times[:, None, None], weights.sum(0)
    middle_t, middle = (weights * t).sum(0) / whole, (weights * places).sum(0) / whole
    spread = (weights * (t - middle_t) ** 2).sum(0)
    slope = (weights * (t - middle_t) * (places - middle)).sum(0) / np.maximum(spread, 1e-9)
    return middle - slope * middle_t, slope


def _between(same: list[tuple[int, Body]]) -> Body:
    """The body in a frame in which it was not read, from the nearest ones before and after."""
    before = max((item for item in same if item[0] < 0), key=lambda item: item[0])
    after = min((item for item in same if item[0] > 0), key=lambda item: item[0])
    share = -before[0] / (after[0] - before[0])
    nearest = before[1] if share <= 0.5 else after[1]
    landmarks = (1 - share) * before[1].landmarks + share * after[1].landmarks
    x, y = np.rint(torso(landmarks)[0] - torso(nearest.landmarks)[0]).astype(int)
    left, top, right, bottom = nearest.box
    box = (left + x, top + y, right + x, bottom + y)
    return Body(landmarks.astype(np.float32), moved(nearest.mask, x, y), box, nearest.score)


def moved(mask: np.ndarray, x: int, y: int) -> np.ndarray:
    """A map moved right and down by whole pixels, 0 where nothing came from."""
    height, width = mask.shape
    result = np.zeros_like(mask)
    if abs(x) < width and abs(y) < height:
        result[max(y, 0) : height + min(y, 0), max(x, 0) : width + min(x, 0)] = mask[
            max(-y, 0) : height + min(-y, 0), max(-x, 0) : width + min(-x, 0)
        ]
    return result


@dataclass(frozen=True)
class _Drawn:
    """small: uint8 mask at the working size, 255 = redraw. place: middle of the torso there."""

    small: np.ndarray
    shot: int
    seen: str
    place: np.ndarray | None
    size: tuple[int, int]


def steady_masks(
    frames: Iterable[np.ndarray], follower: Follower, draw: Draw
) -> Iterator[FrameMask]:
    """One mask a frame. draw(picture, body) gives the mask of one frame by any rule.

    Raises InputError, also those of `draw`.
    """
    drawn = (_draw(item, seen, draw) for item, seen in steady_bodies(watch(frames, follower)))
    return _over_time(drawn)


def steady_tracks(frames: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[FrameMask]:
    """The same for masks that are given: (picture, its mask (height, width)) a frame."""
    return _over_time(_given(frames))


def _draw(item: Seen, seen: str, draw: Draw) -> _Drawn:
    height, width = item.picture.shape[:2]
    if item.body is None:
        return _small(np.zeros((height, width), np.float32), item.shot, seen, None)
    return _small(draw(item.picture, item.body), item.shot, seen, torso(item.body.landmarks)[0])


def _given(frames: Iterable[tuple[np.ndarray, np.ndarray]]) -> Iterator[_Drawn]:
    before, shot = None, 0
    for picture, mask in frames:
        now = thumbnail(picture)
        shot += int(before is not None and is_cut(before, now))
        before = now
        rows, columns = np.nonzero(mask > 0.5)
        place = np.array([columns.mean(), rows.mean()]) if len(rows) else None
        yield _small(mask, shot, "read" if len(rows) else "nobody", place)


def _small(mask: np.ndarray, shot: int, seen: str, place: np.ndarray | None) -> _Drawn:
    cv2 = opencv()
    height, width = mask.shape
    scale = min(1.0, WORKING_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(mask.astype(np.float32), size, interpolation=cv2.INTER_AREA)
    small = np.rint(255 * small.clip(0, 1)).astype(np.uint8)
    return _Drawn(small, shot, seen, None if place is None else place * scale, (width, height))


def _over_time(drawn: Iterable[_Drawn]) -> Iterator[FrameMask]:
    """The median over neighbouring frames, each moved along with the person."""
    cv2 = opencv()
    for around, here in windows(drawn, REACH):
        now = around[here]
        mask = now.small
        place = now.place
        if place is not None:
            rows = [
                moved(item.small, *np.rint(place - item.place).astype(int))
                for item in around
                if item.shot == now.shot and item.place is not None
            ]
            if len(rows) % 2 == 0:  # an even number has no middle: now counts twice
                rows.append(mask)
            mask = np.median(np.stack(rows), axis=0).astype(np.uint8)
        full = cv2.resize(mask, now.size, interpolation=cv2.INTER_LINEAR).astype(np.float32) / 255
        yield FrameMask((2 * full - 0.5).clip(0, 1), now.shot, now.seen)
