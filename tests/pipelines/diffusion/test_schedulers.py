"""Schedules of diffusers, with random numbers handed in and pictures to start from."""

import pytest
import torch
from diffusers import DDPMScheduler, UniPCMultistepScheduler
from fitting_room.pipelines.diffusion.noise import RecordedNoise, SeededNoise, seeds_for
from fitting_room.pipelines.diffusion.schedulers import NAMES, Schedule
from fitting_room.pipelines.errors import InputError

BETAS = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
PUBLISHED = {
    "ddpm": DDPMScheduler(**BETAS, steps_offset=1, clip_sample=False),
    "ddpm zero snr": DDPMScheduler(
        **BETAS, steps_offset=1, clip_sample=False, rescale_betas_zero_snr=True
    ),
    "unipc karras": UniPCMultistepScheduler(
        **BETAS, use_karras_sigmas=True, final_sigmas_type="sigma_min"
    ),
}


def draw(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@pytest.fixture(params=PUBLISHED, ids=list(PUBLISHED))
def published(request):
    return PUBLISHED[request.param]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("strength", [1.0, 0.6, 0.25])
def test_a_perfect_denoiser_ends_at_the_picture(published, name, strength):
    """From pure noise or from the noised picture, by every scheduler."""
    picture, noise = draw(2, 4, 6, 5), SeededNoise([3, 4])
    schedule = Schedule.make(name, published, 12, strength)
    latents = schedule.start(noise.draw((4, 6, 5)), picture)
    for index, timestep in enumerate(schedule.timesteps):
        signal, spread = schedule._level(index)
        prediction = (latents - signal * picture) / spread
        torch.testing.assert_close(
            schedule.clean(prediction, index, latents), picture, atol=2e-3, rtol=0
        )
        assert schedule.scaled(latents, index).shape == latents.shape
        latents = schedule.step(prediction, index, latents, noise)
        assert 0 <= float(timestep) < 1000
    # The published UniPC stops at its smallest sigma, 0.03.
    kept = 0.2 if published is PUBLISHED["unipc karras"] and name == "published" else 5e-3
    torch.testing.assert_close(latents, picture, atol=kept, rtol=0)


@pytest.mark.parametrize("name", NAMES)
def test_strength_is_a_share_of_the_steps(published, name):
    whole, part = (Schedule.make(name, published, 10, strength) for strength in (1.0, 0.4))
    if name == "lcm":  # it spreads all its steps over the share of the noise
        assert len(part) == len(whole) == 10
        assert float(part.timesteps[0]) == pytest.approx(0.4 * 1000, abs=20)
    else:
        assert torch.equal(part.timesteps, whole.timesteps[6:])
        for index in range(4):
            assert part._level(index) == whole._level(6 + index)


@pytest.mark.parametrize("strength", [1.0, 0.5])
@pytest.mark.parametrize("name", NAMES)
def test_noised_is_what_the_scheduler_adds(published, name, strength):
    picture, noise = draw(1, 4, 3, 3), draw(1, 4, 3, 3, seed=2)
    schedule = Schedule.make(name, published, 7, strength)
    expected = schedule.scheduler.add_noise(picture, noise, schedule.timesteps[:1])
    torch.testing.assert_close(schedule.noised(picture, noise, 0), expected, atol=1e-4, rtol=1e-4)
    assert torch.equal(schedule.noised(picture, noise, len(schedule)), picture)


def test_many_steps_with_repeated_timesteps_run():
    schedule = Schedule.make("published", PUBLISHED["unipc karras"], 60)
    assert len(set(schedule.timesteps.tolist())) < 60
    latents = schedule.start(draw(1, 4, 3, 3))
    for index in range(60):
        latents = schedule.step(latents * 0.1, index, latents, SeededNoise([1]))
    assert latents.isfinite().all()


@pytest.mark.parametrize("name", ["ddpm", "ddpm zero snr"])
def test_ddpm_equals_diffusers_but_for_where_noise_comes_from(name):
    schedule = Schedule.make("published", PUBLISHED[name], 9)
    for index, timestep in enumerate(schedule.timesteps):
        latents, prediction = draw(1, 4, 3, 3, seed=index), draw(1, 4, 3, 3, seed=50 + index)
        generator = torch.Generator().manual_seed(7)
        expected = schedule.scheduler.step(
            prediction, int(timestep), latents, generator=generator
        ).prev_sample
        actual = schedule.step(prediction, index, latents, SeededNoise([7]))
        torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


def test_a_run_changes_nothing_for_the_next(published):
    noise = SeededNoise([1])
    before = dict(published.config)
    for name in NAMES:
        schedule = Schedule.make(name, published, 5)
        latents = schedule.start(noise.draw((4, 3, 3)))
        schedule.step(latents, 0, latents, noise)
    assert dict(published.config) == before
    assert getattr(published, "step_index", None) is None


@pytest.mark.parametrize(
    ("name", "steps", "strength", "words"),
    [
        ("published", 0, 1.0, "from 1 up; 0"),
        ("published", -3, 1.0, "from 1 up; -3"),
        ("published", 2.5, 1.0, "whole number"),
        ("published", True, 1.0, "whole number"),
        ("published", 4, 0.0, "above 0"),
        ("published", 4, 1.5, "at most 1"),
        ("published", 4, 0.2, "Use at least 5 steps"),
        ("lcm", 60, 1.0, "at most 50"),
        ("lcm", 20, 0.2, "at most 10"),
        ("heun", 10, 1.0, "one of published, dpmpp_2m"),
    ],
)
def test_settings_that_cannot_run(published, name, steps, strength, words):
    with pytest.raises(InputError, match=words):
        Schedule.make(name, published, steps, strength)


def test_a_strength_needs_a_picture(published):
    with pytest.raises(InputError, match="picture to start from"):
        Schedule.make("published", published, 5, 0.5).start(draw(1, 4, 3, 3))


def test_samples_draw_alone():
    batch = SeededNoise(seeds_for(11, 3))
    for _ in range(3):
        together = batch.draw((4, 5))
    for index in range(3):
        single = SeededNoise([11 + index])
        for _ in range(3):
            alone = single.draw((4, 5))
        assert torch.equal(together[index : index + 1], alone)
    assert seeds_for([5, 5, 2], 3) == [5, 5, 2]


@pytest.mark.parametrize("seed", [-1, [1, 2], [3, -1, 2]])
def test_seeds_that_cannot_be(seed):
    with pytest.raises(InputError, match="seed"):
        seeds_for(seed, 3)


def test_recorded_draws_must_fit():
    noise = RecordedNoise([draw(2, 4, 3)])
    assert noise.draw((4, 3)).shape == (2, 4, 3)
    with pytest.raises(InputError, match="none left"):
        noise.draw((4, 3))
    with pytest.raises(InputError, match=r"it is \[2, 4, 3\]"):
        RecordedNoise([draw(2, 4, 3)]).draw((4, 5))


def test_lcm_refuses_recorded_draws(published):
    schedule = Schedule.make("lcm", published, 4)
    with pytest.raises(InputError, match="LCM"):
        schedule.step(draw(1, 4, 3, 3), 0, draw(1, 4, 3, 3), RecordedNoise([]))
