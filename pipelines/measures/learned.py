"""Measures of torchmetrics: SSIM, MS-SSIM and LPIPS of pairs, FID and KID of many pictures.

LPIPS, FID and KID look through published networks, whose weights torchvision and torch-fidelity
fetch into torch's cache (TORCH_HOME). Where package or weights cannot be had, the measure is left
out, and `left_out` says why; it is never computed by anything else. Pictures: uint8 (height, width,
3) RGB.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stdout
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from .surroundings import expect_one_size

LEAST_SIDE = {"ssim": 11, "ms_ssim": 161}
"""Pixels that a side must have for the window (11) at the finest and at the fifth scale."""

INSTALL = 'pip install "comfyui-fitting-room[evaluate]"'
LPIPS_FILES = {
    "alex": "alexnet-owt-7be5be79.pth",
    "vgg": "vgg16-397923af.pth",
    "squeeze": "squeezenet1_1-b8a52dc0.pth",
}
"""LPIPS's networks -> the file of torchvision's weights."""

INCEPTION_FILE = "weights-inception-2015-12-05-6726825d.pth"
FEATURES = 2048
KID_SUBSETS, KID_MOST = 100, 1000
LEAST_PICTURES = 2


class PairedMeasures:
    """SSIM, MS-SSIM and LPIPS of a picture and the true one. left_out: measure -> why."""

    def __init__(self, device: torch.device | str = "cpu", lpips_network: str = "alex") -> None:
        """lpips_network: of LPIPS_FILES."""
        self.device = torch.device(device)
        self.left_out: dict[str, str] = {}
        self._ssim = self._had("ssim", _ssim)
        self._ms_ssim = self._had("ms_ssim", _ms_ssim)
        self._lpips = self._had("lpips", lambda: _lpips(lpips_network, self.device))

    def _had(self, name: str, get: Callable[[], Any]) -> Any:
        try:
            return get()
        except _NotToBeHad as error:
            self.left_out[name] = str(error)
            return None

    @torch.no_grad()
    def __call__(self, picture: np.ndarray, truth: np.ndarray) -> dict[str, float]:
        """Those that can be had: ssim and ms_ssim -1..1 (1: equal), lpips 0 and up (0: equal).

        Raises InputError for pictures of different sizes.
        """
        expect_one_size(truth, picture)
        found = {}
        both = [_tensor(each).to(self.device).float() / 255 for each in (picture, truth)]
        side = min(picture.shape[:2])
        for name, measure in (("ssim", self._ssim), ("ms_ssim", self._ms_ssim)):
            if measure is not None and side >= LEAST_SIDE[name]:
                found[name] = float(measure(*both, data_range=1.0))
        if self._lpips is not None:
            found["lpips"] = float(self._lpips(*both))
        return found


class SetMeasures:
    """FID and KID of two lots of pictures, by one InceptionV3. left_out: measure -> why."""

    def __init__(
        self, device: torch.device | str = "cpu", inception: torch.nn.Module | None = None
    ) -> None:
        """inception: uint8 (batch, 3, height, width) to features; the published one by default."""
        self.device = torch.device(device)
        self.left_out: dict[str, str] = {}
        try:
            self._inception = inception or _inception(self.device)
        except _NotToBeHad as error:
            self._inception = None
            self.left_out = {"fid": str(error), "kid": str(error)}

    @torch.no_grad()
    def features(self, pictures: Iterable[np.ndarray]) -> Tensor | None:
        """(pictures, features) on the CPU, read one after the other; None where there is no
        network."""
        if self._inception is None:
            return None
        rows = [self._inception(_tensor(each).to(self.device)).flatten(1).cpu()
                for each in pictures]  # fmt: skip
        return torch.cat(rows) if rows else torch.zeros(0, FEATURES)

    def compare(self, true: Tensor, made: Tensor, seed: int = 0) -> dict[str, float]:
        """fid, kid and kid_spread (its standard deviation over subsets) of features.

        Raises InputError for fewer than two pictures on either side.
        """
        from torchmetrics.image.fid import FrechetInceptionDistance
        from torchmetrics.image.kid import KernelInceptionDistance

        fewest = min(len(true), len(made))
        if fewest < LEAST_PICTURES:
            raise InputError(f"Distances of sets need 2 pictures on each side; {fewest} came.")
        fid: Any = FrechetInceptionDistance(_Known(true.shape[1]))
        kid: Any = KernelInceptionDistance(
            _Known(true.shape[1]), subsets=KID_SUBSETS, subset_size=min(KID_MOST, fewest)
        )
        for each in (fid, kid):
            each.update(true, real=True)
            each.update(made, real=False)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            mean, spread = kid.compute()
        return {"fid": float(fid.compute()), "kid": float(mean), "kid_spread": float(spread)}


class _Known(torch.nn.Module):
    """Stands where torchmetrics wants a network, for features that are known."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.num_features = width

    def forward(self, features: Tensor) -> Tensor:
        return features


class _NotToBeHad(Exception):
    """Why a measure cannot be had."""


@contextmanager
def _obtained(file: str = "") -> Iterator[None]:
    """Whatever goes wrong while a measure and the file of its weights are got, in a sentence. The
    files of others are unpickled as tensors only, and what is printed goes to standard error."""
    before = os.environ.get(RESTRICTED)
    os.environ[RESTRICTED] = "1"
    try:
        with redirect_stdout(sys.stderr):
            yield
    except ImportError as error:
        raise _NotToBeHad(f"a package is missing ({error.name or error}): {INSTALL}") from error
    except Exception as error:  # downloads, files and packages fail in many ways
        first = (str(error).strip() or type(error).__name__).splitlines()[0]
        place = os.path.join(torch.hub.get_dir(), "checkpoints", file)
        raise _NotToBeHad(
            f"its weights could not be had ({first}); they belong into {place}"
        ) from error
    finally:
        if before is None:
            os.environ.pop(RESTRICTED, None)
        else:
            os.environ[RESTRICTED] = before


RESTRICTED = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


def _ssim() -> Any:
    with _obtained():
        from torchmetrics.functional.image import structural_similarity_index_measure as found
    return found


def _ms_ssim() -> Any:
    with _obtained():
        from torchmetrics.functional.image import (
            multiscale_structural_similarity_index_measure as found,
        )
    return found


def _lpips(network: str, device: torch.device) -> Any:
    with _obtained(LPIPS_FILES[network]):
        from torchmetrics.image.lpip import LearnedPerceptualImagePatchSimilarity

        return LearnedPerceptualImagePatchSimilarity(network, normalize=True).to(device)  # type: ignore[arg-type]


def _inception(device: torch.device) -> torch.nn.Module:
    with _obtained(INCEPTION_FILE):
        from torchmetrics.image.fid import NoTrainInceptionV3

        return NoTrainInceptionV3("inception-v3-compat", [str(FEATURES)]).to(device)


def _tensor(picture: np.ndarray) -> Tensor:
    """uint8 (1, 3, height, width)."""
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
