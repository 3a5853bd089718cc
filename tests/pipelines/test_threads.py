"""torch's and OpenCV's numbers of threads come back, whoever was inside meanwhile."""

import threading

import cv2
import pytest
import torch
from fitting_room.pipelines.threads import single_thread


def threads_of_a_new_thread():
    """What every later thread of Python begins with."""
    found = []
    other = threading.Thread(target=lambda: found.append(torch.get_num_threads()))
    other.start()
    other.join()
    return found[0]


@pytest.fixture
def three():
    """Three threads, whatever this machine has."""
    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(3)
    cv2.setNumThreads(3)
    yield
    torch.set_num_threads(before[0])
    cv2.setNumThreads(before[1])


def test_one_inside_and_as_before_afterwards(three):
    with single_thread():
        assert torch.get_num_threads() == cv2.getNumThreads() == 1
    assert torch.get_num_threads() == threads_of_a_new_thread() == cv2.getNumThreads() == 3


def test_within_itself(three):
    with single_thread():
        with single_thread():
            pass
        assert torch.get_num_threads() == cv2.getNumThreads() == 1
    assert torch.get_num_threads() == threads_of_a_new_thread() == cv2.getNumThreads() == 3


@pytest.mark.parametrize("first_out", [0, 1])
def test_two_at_once(three, first_out):
    """Both are inside together; one leaves, then the other."""
    together = threading.Barrier(2)
    left = threading.Event()
    seen = {}

    def work(number):
        with single_thread():
            together.wait(10)
            if number != first_out:
                left.wait(10)
                seen["still inside"] = torch.get_num_threads(), cv2.getNumThreads()
        seen[number] = torch.get_num_threads()
        if number == first_out:
            left.set()

    workers = [threading.Thread(target=work, args=(number,)) for number in (0, 1)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(20)
    assert seen == {0: 3, 1: 3, "still inside": (1, 1)}
    assert torch.get_num_threads() == threads_of_a_new_thread() == cv2.getNumThreads() == 3


def test_an_error_inside(three):
    with pytest.raises(ValueError, match="told"), single_thread():
        raise ValueError("told")
    assert torch.get_num_threads() == threads_of_a_new_thread() == cv2.getNumThreads() == 3


def test_what_somebody_else_chose_meanwhile_stays(three):
    """OpenCV's number is the whole process's."""
    with single_thread():
        cv2.setNumThreads(2)
    assert cv2.getNumThreads() == 2
