"""Counts and times one denoising step of each model at published size, as published and as here.

    python benchmarks/denoise.py                          operations, of every model
    python benchmarks/denoise.py --time --models leffa    seconds and memory, on this machine

Counting needs no weights and little memory: the networks have none, and every saving is switched by
itself. Operations are two for each multiply-add, as torch.utils.flop_counter counts them.
Timing fills the networks with random numbers, one formulation after the other, each in a process of
its own, so that the largest memory of each can be told; it checks first that all give the same.
Ratios can be compared between machines, seconds cannot.

Formulations: `formulations.py`.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from runpy import run_path
from typing import Any

import formulations
import formulations_fashn
import formulations_one
import torch
from formulations import HERE, PUBLISHED
from torch.utils.flop_counter import FlopCounterMode

ROOT = Path(__file__).resolve().parent.parent

PIXELS = formulations_fashn.NAME
FORMULATIONS: dict[str, list[Any]] = {
    **formulations.FORMULATIONS, **formulations_one.FORMULATIONS,
    PIXELS: formulations_fashn.FORMULATIONS,
}  # fmt: skip
LATENT_SIZES = ("384x512", "768x1024")


def has_look(name: str) -> bool:
    """Whether a network of its own looks at the garment."""
    return name in formulations.FORMULATIONS


def bench_of(name: str) -> Any:
    if name in formulations_one.FORMULATIONS:
        return formulations_one.Bench
    return formulations_fashn.Bench if name == PIXELS else formulations.Bench


@torch.no_grad()
def operations(call: Callable[[], object]) -> int:
    counter = FlopCounterMode(display=False)
    with counter:
        call()
    return counter.get_total_flops()


@torch.no_grad()
def measure(name: str, form: Any, size: tuple[int, int], dtype: torch.dtype,
            device: str, repeats: int, compiled: bool, results: Any) -> None:  # fmt: skip
    """In a process of its own: seconds of a step and of a look, MB that a step takes, a sample."""
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    bench = bench_of(name)(name, form, *size, dtype, device)
    if compiled:
        from fitting_room.pipelines.diffusion.reference import compile_blocks

        for network in bench.blocks if name == PIXELS else [bench.denoiser]:
            compile_blocks(network)
    cuda = device.startswith("cuda")
    wait = torch.cuda.synchronize if cuda else lambda: None

    def seconds(call: Callable[[], object]) -> tuple[float, float]:
        """By the clock and, on a CPU, of the processor, which other work disturbs less."""
        taken = []
        for _ in range(repeats):
            wait()
            begin = time.perf_counter(), time.process_time()
            call()
            wait()
            taken.append((time.perf_counter() - begin[0], time.process_time() - begin[1]))
        return min(clock for clock, _ in taken), min(worked for _, worked in taken)

    with torch.inference_mode() if cuda else nullcontext():
        before = at_rest(cuda)
        sample = bench.step().float().cpu()
        memory = peak(cuda) - before
        step = seconds(bench.step)
        look = seconds(bench.look) if has_look(name) else (0.0, 0.0)
    results.put((step, look, memory, sample[-1, :, ::8, ::8].clone().numpy()))


def at_rest(cuda: bool) -> float:
    """Memory that the weights and what was prepared take, MB; on a CPU the largest so far."""
    if not cuda:
        return peak(cuda)
    torch.cuda.reset_peak_memory_stats()
    return torch.cuda.memory_allocated() / 1e6


def peak(cuda: bool) -> float:
    """Largest memory so far, MB."""
    if cuda:
        return torch.cuda.max_memory_allocated() / 1e6
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e6


def count(name: str, size: tuple[int, int]) -> None:
    published = None
    print(f"\n{name}, {size[0]}x{size[1]}: TFLOP of one step, one picture with guidance")
    for form in FORMULATIONS[name]:
        total = operations(bench_of(name)(name, form, *size, torch.bfloat16, "meta").step)
        published = published or total
        print(f"  {form.name:36} {total / 1e12:8.2f}  {total / published - 1:+7.1%}", flush=True)
    if not has_look(name):
        return
    whole, cut = (
        operations(formulations.Bench(name, form, *size, torch.bfloat16, "meta").look)
        for form in (replace(PUBLISHED, constants_each_step=False), HERE)
    )
    print(f"  one look at the garment: as published {whole / 1e12:.2f}, "
          f"trimmed {cut / 1e12:.2f} ({cut / whole - 1:+.1%})")  # fmt: skip


def clock(name: str, size: tuple[int, int], arguments: argparse.Namespace) -> None:
    print(f"\n{name}, {size[0]}x{size[1]}: one step, best of {arguments.repeats}, "
          f"{arguments.dtype}, {arguments.device}, {torch.get_num_threads()} threads")  # fmt: skip
    spawn, published, samples = multiprocessing.get_context("spawn"), None, {}
    for form in FORMULATIONS[name]:
        if arguments.only and form.name not in arguments.only:
            continue
        results = spawn.SimpleQueue()
        process = spawn.Process(target=measure, args=(
            name, form, size, getattr(torch, arguments.dtype), arguments.device,
            arguments.repeats, arguments.compile, results,
        ))  # fmt: skip
        process.start()
        process.join()
        if process.exitcode:
            sys.exit(f"  {form.name}: the process ended with {process.exitcode}")
        step, look, memory, sample = results.get()
        published = published or step
        group = (form.name.startswith("accelerated"), form.guided)
        samples.setdefault(group, []).append(torch.from_numpy(sample))
        print(f"  {form.name:36} {step[0]:7.2f} s {step[0] / published[0] - 1:+7.1%}   "
              f"processor {step[1]:7.2f} s {step[1] / published[1] - 1:+7.1%}   "
              f"{memory:6.0f} MB   a look {look[0]:.2f} s, processor {look[1]:.2f} s",
              flush=True)  # fmt: skip
    for same in samples.values():
        difference = max(float((each - same[0]).abs().max() / same[0].std()) for each in same)
        print(f"  outputs of {len(same)} formulations differ by {difference:.1e} of their spread")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--models", nargs="+", choices=FORMULATIONS, default=list(FORMULATIONS))
    parser.add_argument("--sizes", nargs="+", help="WxH; by default half the published size and it")
    parser.add_argument("--time", action="store_true", help="run with random weights")
    parser.add_argument("--only", nargs="+", help="with --time: these formulations")
    parser.add_argument("--compile", action="store_true", help="with --time: torch.compile")
    parser.add_argument("--dtype", default="bfloat16", choices=["bfloat16", "float16", "float32"])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--repeats", type=int, default=2)
    arguments = parser.parse_args()
    run_path(str(ROOT / "tests" / "conftest.py"))  # imports the checkout
    for name in arguments.models:
        usual = formulations_fashn.PICTURES if name == PIXELS else LATENT_SIZES
        for size in arguments.sizes or usual:
            width, height = (int(side) for side in size.split("x"))
            if arguments.time:
                clock(name, (width, height), arguments)
            else:
                count(name, (width, height))


if __name__ == "__main__":
    main()
