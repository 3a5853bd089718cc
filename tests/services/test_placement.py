"""Where networks lie outside ComfyUI, by the memory that is free."""

import pytest
import tiny
import torch
from fitting_room.pipelines.files.locate import find
from fitting_room.pipelines.models import door
from fitting_room.services.backends import placement
from fitting_room.services.backends.placement import DevicePlacement

NAME = "leffa/virtual_tryon"


@pytest.fixture
def pipeline(tmp_path):
    located = find(NAME, folders=[tiny.install(tmp_path, [NAME])])
    return door.load_pipeline(located, torch.float32), located.variant


def placed(pipeline, monkeypatch, free):
    """On a card with so many bytes free; this only chooses, nothing is moved."""
    monkeypatch.setattr(placement, "free_bytes", lambda device: free)
    return DevicePlacement(pipeline[1], pipeline[0], torch.device("cuda"), 96, 128)


def needs(pipeline):
    """(all weights, those of the largest stage, working bytes) of the tiny pipeline."""
    from fitting_room.pipelines.models.common import bytes_of

    sizes = bytes_of(pipeline[0])
    work = {
        stage: door.working_bytes(pipeline[1], torch.float32, stage, 96, 128)
        for stage in pipeline[0].STAGES
    }
    stages = [
        sum(sizes[name] for name in names) + work[stage]
        for stage, names in pipeline[0].STAGES.items()
    ]
    return sum(sizes.values()) + max(work.values()), max(stages)


def test_what_fits_stays(pipeline, monkeypatch):
    whole, _ = needs(pipeline)
    assert placed(pipeline, monkeypatch, whole).way == "everything on the device"


def test_a_smaller_card_holds_one_stage_at_a_time(pipeline, monkeypatch):
    whole, largest = needs(pipeline)
    made = placed(pipeline, monkeypatch, (whole + largest) // 2)
    assert made.way == "one stage at a time" and not made._streamed


def test_a_card_too_small_for_a_stage_gets_its_layers_in_groups(pipeline, monkeypatch, caplog):
    _, largest = needs(pipeline)
    made = placed(pipeline, monkeypatch, largest - 1)
    assert made._streamed and "slower" in caplog.text
    for name in made._streamed:
        hooked = [m for m in getattr(pipeline[0], name).modules() if hasattr(m, "_diffusers_hook")]
        assert hooked, name


def test_on_the_cpu_nothing_moves_and_every_stage_can_be_stopped(pipeline):
    made = DevicePlacement(pipeline[1], pipeline[0], torch.device("cpu"), 96, 128)
    assert made.way == "main memory"

    def stop():
        raise KeyboardInterrupt

    made.before = stop
    with pytest.raises(KeyboardInterrupt):
        made("encode")
