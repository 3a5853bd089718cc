"""Masks on a moving person: steady, along with the person, anew after a cut, none for nobody."""

import tracemalloc

import numpy as np
import pytest
from drawn_people import draw_person
from fitting_room.pipelines.errors import InputError
from fitting_room.pipelines.masking.embedded import embedded_mask
from fitting_room.pipelines.video.follow import Follower, is_cut, thumbnail, torso
from fitting_room.pipelines.video.measure import flicker, overlap
from fitting_room.pipelines.video.steady import (
    moved,
    steady_masks,
    steady_tracks,
    watch,
    windows,
)
from moving_people import SIZE, ground, laid

EMPTY = range(14, 20)
CUT = 28


def draw(picture, body):
    return embedded_mask(body, "upper", "long")


def noisy(frame, seed):
    noise = np.random.default_rng(seed).normal(0, 3, frame.shape)
    return (frame + noise).clip(0, 255).astype(np.uint8)


def moving(cutout, count=40):
    """Frames in which the person sways; nobody in EMPTY; another room from CUT on. And places."""
    rooms = ground(), ground(7)[::-1] // 2
    for index in range(count):
        room = rooms[index >= CUT]
        x, y = 30 + round(20 * np.sin(index / 6)), 90 + round(8 * np.sin(index / 3))
        if index in EMPTY:
            yield noisy(room, index), np.zeros(SIZE, np.float32)
        else:
            frame, place = laid(room, cutout, x, y)
            yield noisy(frame, index), place


@pytest.fixture(scope="module")
def video(cutouts):
    return list(moving(cutouts[0]))


@pytest.fixture(scope="module")
def masks(video, body_model):
    return list(steady_masks((frame for frame, _ in video), Follower(body_model), draw))


@pytest.fixture(scope="module")
def single(video, body_model):
    """The same rule frame by frame, unsteadied."""
    follower = Follower(body_model)
    bodies = [item.body for item in watch((frame for frame, _ in video), follower)]
    empty = np.zeros(SIZE, np.float32)
    return [empty if body is None else draw(None, body) for body in bodies]


def test_one_mask_a_frame_of_its_size(masks, video):
    assert len(masks) == len(video)
    assert all(one.mask.shape == SIZE and one.mask.dtype == np.float32 for one in masks)
    assert all(one.mask.min() >= 0 and one.mask.max() <= 1 for one in masks)


def test_the_cut_is_found_and_nothing_else(masks):
    assert [one.shot for one in masks] == [int(i >= CUT) for i in range(len(masks))]


def test_nobody_gives_no_mask(masks):
    assert all(masks[i].seen == "nobody" and not masks[i].mask.any() for i in EMPTY)
    others = [one for i, one in enumerate(masks) if i not in EMPTY]
    assert all(one.seen == "read" and (one.mask > 0.5).mean() > 0.03 for one in others)


def test_masks_blink_far_less_than_frame_by_frame(masks, single):
    for part in (slice(0, EMPTY[0]), slice(CUT, None)):
        steady = flicker([one.mask for one in masks[part]])
        assert steady < 0.012
        assert steady < 0.4 * flicker(single[part])


def test_masks_go_along_with_the_person(masks, single, video):
    shown = [i for i in range(len(masks)) if i not in EMPTY]
    alike = [overlap(masks[i].mask, single[i]) for i in shown]
    assert min(alike) > 0.75 and np.mean(alike) > 0.86
    inside = [(masks[i].mask * video[i][1]).sum() / masks[i].mask.sum() for i in shown]
    assert np.mean(inside) > 0.85


def test_neighbouring_masks_overlap(masks):
    first = [one.mask for one in masks[: EMPTY[0]]]
    assert np.mean([overlap(a, b) for a, b in zip(first, first[1:], strict=False)]) > 0.9


def test_of_two_who_cross_the_same_one_is_followed(cutouts, body_model):
    """One walks to the right in front, the other to the left behind."""
    places, frames = [], []
    for index in range(24):
        back, _ = laid(ground(), cutouts[1], 130 - 9 * index, 150)
        front, place = laid(back, cutouts[0], -60 + 9 * index, 90)
        frames.append(front)
        places.append(place)
    seen = list(watch(iter(frames), Follower(body_model)))
    wrong = 0
    for item, place in zip(seen, places, strict=True):
        if item.body is not None:
            x, y = np.rint(torso(item.body.landmarks)[0]).astype(int)
            wrong += not place[np.clip(y, 0, SIZE[0] - 1), np.clip(x, 0, SIZE[1] - 1)] > 0.5
    followed = sum(item.body is not None for item in seen)
    assert followed >= 20 and wrong <= 2


def test_given_tracks_are_steadied_and_their_blinks_taken_out(video):
    tracks = [place.copy() for _, place in video[:12]]
    tracks[5][:] = np.roll(tracks[5], 40, axis=1) * 0  # a frame that the tracker lost
    tracks[8][200:260, 60:120] = 0  # a hole for one frame
    found = list(steady_tracks((f, m) for (f, _), m in zip(video[:12], tracks, strict=True)))
    assert len(found) == 12 and found[5].seen == "nobody"
    assert overlap(found[8].mask, video[8][1]) > overlap(tracks[8], video[8][1])


@pytest.mark.parametrize("count", [1, 2, 3, 7, 20])
@pytest.mark.parametrize("reach", [0, 1, 3])
def test_windows_hold_no_more_than_they_must(count, reach):
    asked, seen = [], []

    def items():
        for number in range(count):
            asked.append(number)
            yield number

    for around, here in windows(items(), reach):
        number = around[here]
        seen.append(number)
        assert around == list(range(max(0, number - reach), min(count, number + reach + 1)))
        assert len(asked) <= number + reach + 1, "it looks no further ahead"
    assert seen == list(range(count))


def test_a_slow_pan_is_no_cut_and_a_new_picture_is():
    room = ground()
    assert not is_cut(thumbnail(room), thumbnail(np.roll(room, 12, axis=1)))
    assert not is_cut(thumbnail(room), thumbnail((0.8 * room).astype(np.uint8)))
    assert is_cut(thumbnail(room), thumbnail(ground(7)[::-1] // 2))


def test_moving_a_map_fills_with_nothing():
    grid = np.arange(12, dtype=np.float32).reshape(3, 4)
    assert np.array_equal(moved(moved(grid, 1, 1), -1, -1)[:2, :3], grid[:2, :3])
    assert moved(grid, 9, 0).sum() == 0 and moved(grid, 1, 0)[:, 0].sum() == 0


def test_frames_of_two_sizes_are_refused(body_model):
    frames = [np.zeros((64, 64, 3), np.uint8), np.zeros((64, 48, 3), np.uint8)]
    with pytest.raises(InputError, match="one size"):
        list(watch(iter(frames), Follower(body_model)))


def test_flicker_counts_blinks_only():
    still = [np.ones((10, 10))] * 5
    assert flicker(still) == 0
    blinking = [np.ones((10, 10)), np.zeros((10, 10))] * 3
    assert flicker(blinking) == 1
    walking = [moved(np.pad(np.ones((4, 4)), 4), i, 0) for i in range(4)]
    assert flicker(walking) == 0


class Known:
    """Whoever stands in every frame of a drawn video is known beforehand."""

    def __init__(self, body):
        self.body = body

    def start(self):
        pass

    def __call__(self, picture):
        return self.body


def test_memory_does_not_grow_with_the_length():
    photo, body = draw_person()

    def peak(count):
        tracemalloc.start()
        frames = (photo.copy() for _ in range(count))
        total = sum(1 for _ in steady_masks(frames, Known(body), lambda p, b: b.mask))
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert total == count
        return most

    short, long = peak(20), peak(120)
    assert long < 1.1 * short
    assert long < 60 * photo.nbytes, "a window of frames, not the video"
