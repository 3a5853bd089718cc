"""Every measure of one picture."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...pipelines.errors import InputError
from ...pipelines.garment.read import read_garment
from ...pipelines.images import resize
from ...pipelines.masking.body import BodyModel
from ...pipelines.measures.learned import INSTALL, PairedMeasures
from ...pipelines.measures.likeness import colour_difference, lettering_kept, worn_region
from ...pipelines.measures.surroundings import changed_outside, seam_gradient
from ..request import TryOnRequest, TryOnResult


@dataclass(frozen=True)
class Measure:
    """better: "higher" or "lower", "" where neither is. by: what computes it."""

    what: str
    better: str
    by: str


OWN = "comfyui-fitting-room"
MEASURES = {
    "ssim": Measure("structural similarity to the true photo, 1 is equal (Gaussian window 11, "
                    "sigma 1.5)", "higher", "torchmetrics"),
    "ms_ssim": Measure("the same at five scales", "higher", "torchmetrics"),
    "lpips": Measure("distance to the true photo as a network sees it, 0 is equal", "lower",
                     "torchmetrics"),
    "fid": Measure("distance of all pictures to all true photos, by InceptionV3", "lower",
                   "torch-fidelity"),
    "kid": Measure("the same by kernels, which fewer pictures bias less", "lower",
                   "torch-fidelity"),
    "kid_spread": Measure("standard deviation of kid over its subsets", "", "torch-fidelity"),
    "outside_changed": Measure("share of the pixels outside of what was repainted that differ from "
                               "the photo", "lower", OWN),
    "outside_difference": Measure("how far those pixels are off on average, grey levels", "lower",
                                  OWN),
    "repainted": Measure("share of the photo that was repainted", "", OWN),
    "seam_gradient": Measure("how much steeper the picture is across that border than the photo, "
                             "grey levels", "lower", OWN),
    "colour_difference": Measure("CIEDE2000 between the mean colours of the garment and of what is "
                                 "worn", "lower", "scikit-image"),
    "lettering_kept": Measure("share of the garment's features (SIFT) found again on the person",
                              "higher", "opencv-python-headless"),
    "seconds": Measure("wall time of a picture, without putting the model into memory where it "
                       "was there; of all pictures the median", "lower", OWN),
    "peak_memory_bytes": Measure("most memory during a run; of all pictures the largest", "lower",
                                 OWN),
}  # fmt: skip
SET_MEASURES = ("fid", "kid", "kid_spread")
NEED_TRUTH = ("ssim", "ms_ssim", "lpips")


@dataclass
class Measuring:
    """size: width and height at which a picture and its truth are compared, None for the photo's.

    Gives the measures and, for those that a picture has not, why.
    """

    paired: PairedMeasures
    body: BodyModel
    size: tuple[int, int] | None = None

    def __call__(
        self, request: TryOnRequest, result: TryOnResult, truth: np.ndarray | None
    ) -> tuple[dict[str, float], dict[str, str]]:
        found: dict[str, Any] = {}
        missing = dict(self.paired.left_out)
        if truth is not None:
            with_truth = self._attempt(
                lambda: self.paired(self.compared(result.picture), self.compared(truth)),
                missing, *NEED_TRUTH,
            )  # fmt: skip
            found |= with_truth or {}
            for name in NEED_TRUTH:
                if name not in found:
                    missing.setdefault(name, "a side is too short for its window")
        if result.mask is None:
            missing |= dict.fromkeys(
                ("outside_changed", "seam_gradient"), "nobody can tell what was repainted"
            )
        else:
            outside = changed_outside(request.person, result.picture, result.mask)
            found["outside_changed"], found["outside_difference"] = (
                outside.changed, outside.difference,
            )  # fmt: skip
            found["repainted"] = float((result.mask > 0).mean())
            found["seam_gradient"] = seam_gradient(request.person, result.picture, result.mask)
        self._likeness(request, result, found, missing)
        return {name: value for name, value in found.items() if value is not None}, missing

    def compared(self, picture: np.ndarray) -> np.ndarray:
        return picture if self.size is None else resize(picture, *self.size, "lanczos")

    def _likeness(
        self, request: TryOnRequest, result: TryOnResult, found: dict[str, Any],
        missing: dict[str, str],
    ) -> None:  # fmt: skip
        """Colour and lettering, where the garment can be made out in both pictures."""
        names = ("colour_difference", "lettering_kept")

        def regions() -> tuple[np.ndarray, np.ndarray]:
            wanted = result.category or request.category
            read = read_garment(request.garment, wanted, request.garment_mask, self.body)
            worn = worn_region(result.picture, read.category, self.body, result.mask)
            return read.alpha > 0.5, worn

        both = self._attempt(regions, missing, *names)
        if both is None:
            return
        pictures = request.garment, both[0], result.picture, both[1]
        found["colour_difference"] = self._attempt(
            lambda: colour_difference(*pictures), missing, "colour_difference"
        )
        found["lettering_kept"] = self._attempt(
            lambda: lettering_kept(*pictures), missing, "lettering_kept"
        )
        if found["lettering_kept"] is None:
            missing.setdefault("lettering_kept", "the garment has no lettering or print to follow")

    @staticmethod
    def _attempt(work: Callable[[], Any], missing: dict[str, str], *names: str) -> Any:
        try:
            return work()
        except InputError as error:
            missing |= dict.fromkeys(names, str(error))
        except ImportError as error:
            missing |= dict.fromkeys(names, f"a package is missing ({error.name}): {INSTALL}")
        return None
