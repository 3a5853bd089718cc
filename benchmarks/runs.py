"""Times whole try-on runs at published size, as published and as here, and how small a card may be.

    python benchmarks/runs.py --device cuda                     Leffa and FASHN VTON, every way
    python benchmarks/runs.py --device cuda --free 12 8 6 4     the same run with so many GB free
    python benchmarks/runs.py --size 64x64 --steps 2 --dtype float32    tries the script

A run is: the photo and the garment encoded, the steps, the picture decoded. The networks are the
published ones filled with random numbers; seconds are the least of `--repeats`. "As published" runs
the authors' formulation of a step (`formulations.py`) as often, on the same networks.
`--free` fills the card with ballast until only so much is free, so that a run that takes more than
it says ends with an error; ways are those of `services/backends/placement.py`.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from pathlib import Path
from runpy import run_path
from typing import Any

import formulations
import formulations_fashn
import torch
from formulations import SIZES, fill

ROOT = Path(__file__).resolve().parent.parent
GB = 1e9
LEFFA, FASHN = "leffa/virtual_tryon", "fashn_vton/v1_5"


class Clock:
    """Seconds and the most memory of a call, on a card or not."""

    def __init__(self, device: str, repeats: int) -> None:
        self.cuda, self.repeats = device.startswith("cuda"), repeats

    def __call__(self, call: Callable[[], Any]) -> tuple[float, float]:
        taken, most = [], 0.0
        for _ in range(self.repeats):
            before = self._begin()
            start = time.perf_counter()
            call()
            self._wait()
            taken.append(time.perf_counter() - start)
            if self.cuda:
                most = max(most, (torch.cuda.max_memory_allocated() - before) / GB)
        return min(taken), most

    def _begin(self) -> float:
        self._wait()
        if not self.cuda:
            return 0.0
        torch.cuda.reset_peak_memory_stats()
        return torch.cuda.memory_allocated()

    def _wait(self) -> None:
        if self.cuda:
            torch.cuda.synchronize()


def leffa(dtype: torch.dtype, device: str) -> Any:
    """The published pipeline with random weights."""
    from fitting_room.pipelines.models.leffa import load
    from fitting_room.pipelines.models.leffa.pipeline import LeffaPipeline

    networks = load.build(SIZES[LEFFA]["unet"], SIZES[LEFFA]["vae"])
    load.prepare(networks)
    for network in (networks.vae, networks.reference, networks.denoiser):
        fill(network, dtype, device)
    noise = {"num_train_timesteps": 1000, "beta_start": 0.00085, "beta_end": 0.012,
             "beta_schedule": "scaled_linear", "clip_sample": False}  # fmt: skip
    return LeffaPipeline(
        networks.vae, networks.reference, networks.denoiser,
        load.published_scheduler(noise, "sd15"),
        variant="virtual_tryon", kind="sd15", dtype=dtype, device=device,
    )  # fmt: skip


def fashn(dtype: torch.dtype, device: str) -> Any:
    from fitting_room.pipelines.models.fashn_vton.modulation import Modulation
    from fitting_room.pipelines.models.fashn_vton.network import Sizes, Transformer
    from fitting_room.pipelines.models.fashn_vton.pipeline import FashnVtonPipeline

    sizes = Sizes(**formulations_fashn.SIZES)
    with torch.device("meta"):
        modulation, transformer = Modulation(sizes), Transformer(sizes)
    for network in (modulation, transformer):
        fill(network, dtype, device)
    transformer.split_last()
    return FashnVtonPipeline(modulation, transformer, dtype=dtype, device=device)


class LeffaRun:
    """One person and one garment; `whole` is what a user waits for."""

    name = LEFFA
    build = staticmethod(leffa)

    def __init__(self, pipeline: Any, width: int, height: int, steps: int) -> None:
        draw = torch.Generator().manual_seed(1)
        self.pipeline, self.steps = pipeline, steps
        self.photo, self.garment, self.body = (
            torch.rand(1, 3, height, width, generator=draw) for _ in range(3)
        )
        self.mask = torch.zeros(1, 1, height, width)
        self.mask[:, :, height // 4 : height // 2, width // 4 : -width // 4] = 1

    def person(self) -> Any:
        return self.pipeline.encode_person(self.photo, self.mask, self.body)

    def cloth(self) -> Any:
        return self.pipeline.encode_garment(self.garment)

    def whole(self, garment: Any = None) -> torch.Tensor:
        return self.pipeline(self.person(), garment or self.cloth(), steps=self.steps)


class FashnRun:
    name = FASHN
    build = staticmethod(fashn)

    def __init__(self, pipeline: Any, width: int, height: int, steps: int) -> None:
        from fitting_room.pipelines.models.fashn_vton import pipeline as module

        draw = torch.Generator().manual_seed(1)
        self.pipeline, self.steps = pipeline, steps
        self.person = module.PersonEncoding(torch.rand(1, 4, height, width, generator=draw) - 0.5)
        cloth = torch.rand(1, 4, height, width, generator=draw) - 0.5
        self.cloth = module.GarmentEncoding(cloth, torch.tensor([1]))

    def whole(self) -> torch.Tensor:
        return self.pipeline(self.person, self.cloth, steps=self.steps)


def tell(what: str, taken: tuple[float, float], published: float | None = None) -> None:
    share = f"{published / taken[0]:5.2f} times as fast" if published else ""
    print(f"  {what:44} {taken[0]:8.3f} s   {taken[1]:6.2f} GB   {share}", flush=True)


def whole_leffa(arguments: argparse.Namespace, dtype: torch.dtype) -> None:
    device, steps = arguments.device, arguments.steps
    width, height = arguments.size or (768, 1024)
    clock = Clock(device, arguments.repeats)
    pipeline = leffa(dtype, device)
    run = LeffaRun(pipeline, width, height, steps)
    latents = torch.randn(1, 4, height // 8, width // 8)
    print(f"\n{LEFFA}, {width}x{height}, {steps} steps, {dtype}, {device}: a whole run")
    from fitting_room.pipelines.diffusion.latents import decode

    def ends() -> None:
        run.person(), run.cloth(), decode(pipeline.vae, latents, device)

    ends()
    published = None
    for form in (formulations.PUBLISHED, formulations.HERE):
        bench = formulations.Bench("leffa", form, width, height, dtype, device)

        def all_steps(bench: Any = bench) -> None:
            ends()
            for _ in range(steps):
                bench.step()

        bench.step()
        if form is formulations.PUBLISHED:
            taken = clock(all_steps)
            published = taken[0]
            tell("as published", taken)
            tell("of it encoding and decoding", clock(ends))
        else:
            tell("as here, the steps alone, nothing kept", clock(all_steps), published)
        del bench
        gc.collect()
    pipeline.unconditional.most_bytes = 0
    run.whole()
    tell("as here, nothing kept", clock(run.whole), published)
    pipeline.unconditional.most_bytes = 4e9
    once = Clock(device, 1)
    tell("as here, a checkpoint's first garment", once(run.whole), published)
    tell("as here", clock(run.whole), published)
    ahead = pipeline.read_ahead(run.cloth(), steps=steps, accelerated=False)
    tell("as here, garment seen before", clock(lambda: run.whole(ahead)), published)


def whole_fashn(arguments: argparse.Namespace, dtype: torch.dtype) -> None:
    device, steps = arguments.device, arguments.steps
    width, height = arguments.size or (576, 864)
    clock = Clock(device, arguments.repeats)
    print(f"\n{FASHN}, {width}x{height}, {steps} steps, {dtype}, {device}: a whole run")
    bench = formulations_fashn.Bench(
        formulations_fashn.NAME, formulations_fashn.PUBLISHED, width, height, dtype, device
    )

    def all_steps() -> None:
        for _ in range(steps):
            bench.step()

    bench.step()
    published = clock(all_steps)
    tell("as published", published)
    all_steps = bench = None  # let go of its networks
    run = FashnRun(fashn(dtype, device), width, height, steps)
    run.whole()
    tell("as here", clock(run.whole), published[0])


def small_cards(arguments: argparse.Namespace, dtype: torch.dtype, kind: Any) -> None:
    """The same run with less and less memory free on the card."""
    from fitting_room.pipelines.catalog.models import variant_named
    from fitting_room.services.backends.placement import DevicePlacement

    usual = (768, 1024) if kind is LeffaRun else (576, 864)
    width, height = arguments.size or usual
    print(f"\n{kind.name}, {width}x{height}, {arguments.steps} steps, {dtype}: by free memory")
    first = None
    for free in (None, *arguments.free):
        pipeline = kind.build(dtype, arguments.device)
        for part in {name for names in pipeline.STAGES.values() for name in names}:
            getattr(pipeline, part).to("cpu")
        gc.collect()
        torch.cuda.empty_cache()
        ballast = None
        if free is not None:
            spare = torch.cuda.mem_get_info()[0] - int(free * GB)
            ballast = torch.empty(spare, dtype=torch.uint8, device=arguments.device)
        device = torch.device(arguments.device)
        place = DevicePlacement(variant_named(kind.name), pipeline, device, width, height)
        pipeline.place = place
        run = kind(pipeline, width, height, arguments.steps)
        try:
            picture = run.whole().cpu()
            taken = Clock(arguments.device, 1)(run.whole)
        except torch.cuda.OutOfMemoryError as error:
            print(f"  {free} GB free, {place.way}: out of memory, {str(error)[:80]}", flush=True)
            continue
        finally:
            held = torch.cuda.max_memory_allocated() - (0 if ballast is None else ballast.numel())
            del ballast
        first = picture if first is None else first
        off = float((picture - first).abs().max())
        groups = f", in groups: {', '.join(sorted(place._streamed))}" if place._streamed else ""
        told = "all" if free is None else f"{free:g} GB"
        print(f"  {told:>6} free: {taken[0]:7.2f} s, at most {held / GB:5.2f} GB, "
              f"{place.way}{groups}; differs by {off:.1e}", flush=True)  # fmt: skip
        del run, pipeline, place


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float16", choices=["float16", "bfloat16", "float32"])
    parser.add_argument("--size", type=lambda text: tuple(int(each) for each in text.split("x")))
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--free", type=float, nargs="+", help="GB that are free; a card only")
    arguments = parser.parse_args()
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    dtype = getattr(torch, arguments.dtype)
    with torch.inference_mode():
        if arguments.free:
            for kind in (LeffaRun, FashnRun):
                small_cards(arguments, dtype, kind)
        else:
            whole_leffa(arguments, dtype)
            whole_fashn(arguments, dtype)


if __name__ == "__main__":
    main()
