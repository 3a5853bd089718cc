"""The kinds of records in the catalogue, and the licences they name."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """One published file; `path` is relative to `Source.below` of its repository."""

    path: str
    size: int | None = None  # bytes
    sha256: str | None = None
    derived: bool = False  # the size follows from names and shapes, within 1 % of the file's


@dataclass(frozen=True)
class Source:
    """Files of one Hugging Face repository, or of another place on the web.

    They lie in `<models folder>/fitting_room/<folder>/[<below>/]<path>`, or in the hub's cache.
    """

    repository: str
    folder: str
    files: tuple[File, ...]
    below: str = ""  # folder of the repository that every path starts from
    revision: str = "main"
    web: str = ""  # address that every path is put behind, where no hub has the files
    by_hand: str = ""  # where a user gets them and puts them, in words, where no program can


@dataclass(frozen=True)
class Licence:
    name: str
    url: str
    shop: str  # may a shop use it: SHOP
    for_a_shop: str  # why, in one sentence
    must_accept: bool = True  # False: may be used by anyone for anything, with its notice kept


@dataclass(frozen=True)
class Part:
    """A network that is placed in memory by itself."""

    name: str
    parameters: int


SHOP = ("yes", "no", "ask a lawyer")
KINDS = {
    "try_on": "a try-on model",
    "pose_transfer": "a pose transfer model",
    "design": "a model that draws garments from words",
    "video": "a video model",
    "tool": "a network that reads photos",
}
"""What a variant may be, in words."""

INPUTS = ("mask", "body_map", "pose", "parsing", "description")
"""What a model may want beside the photo and the garment. mask: what is repainted; body_map:
DensePose; pose: key points; parsing: labels of clothes and limbs; description: words."""

SETTINGS = (
    "seed", "steps", "guidance", "scheduler", "strength", "accelerated", "ahead_steps", "samples",
    "skip_guidance", "published_times", "framing", "whole_picture", "keep_unconditional", "compile",
    "fp8", "worn",
)  # fmt: skip
"""What a run of a model may be told. A setting that a variant does not list is ignored by it, and
the node and the command line say so. worn: garments that somebody wears in their photo."""


@dataclass(frozen=True)
class Variant:
    """name: "model/variant", as the command line and the nodes take it."""

    name: str
    title: str
    does: str
    kind: str  # of KINDS
    licence: Licence
    sources: tuple[Source, ...]  # the first one is where the model's own networks are
    parts: tuple[Part, ...]
    categories: tuple[str, ...] = ()  # of upper, lower, dress
    width: int = 768
    height: int = 1024
    steps: int = 30
    guidance: float = 1.0
    scheduler: str = ""
    dtype: str = "float16"  # the safe choice on a graphics card; the authors' own
    mask_rule: str = ""  # of masking.rules.RULES: the mask that its authors draw; "": none
    inputs: tuple[str, ...] = ()  # of INPUTS, what it wants
    settings: tuple[str, ...] = ()  # of SETTINGS, what it knows
    size_step: int = 8  # its width and height are multiples of this
    needs: tuple[str, ...] = ()  # variants without which it cannot run
    uses: tuple[str, ...] = ()  # variants that make its masks closer to the authors'

    @property
    def model(self) -> str:
        return self.name.split("/")[0]

    @property
    def parameters(self) -> int:
        return sum(part.parameters for part in self.parts)


CC_BY_NC_SA = Licence(
    "CC BY-NC-SA 4.0",
    "https://creativecommons.org/licenses/by-nc-sa/4.0/",
    "no",
    "Not for a shop: research and private use only, unless the authors agree otherwise.",
)
LADI_VTON = Licence(
    "CC BY-NC 4.0, on base weights under CreativeML Open RAIL++-M",
    "https://github.com/miccunifi/ladi-vton/blob/main/LICENSE",
    "no",
    "Not for a shop: research and private use only, unless the authors agree otherwise.",
)
SIEVENET = Licence(
    "MIT (code); of the weights none is stated",
    "https://github.com/levindabhi/SieveNet/blob/master/LICENSE",
    "no",
    "Not for a shop: the weights come without a licence, trained on the VITON pictures, which were "
    "given for research and withdrawn.",
)
FASHIONTEX = Licence(
    "MIT (code); StyleGAN-Human's weights: non-commercial; a mapper was never published",
    "https://github.com/picksh/FashionTex/blob/main/LICENSE",
    "no",
    "Not for a shop: it draws with StyleGAN-Human, whose code derives from NVIDIA's non-commercial "
    "StyleGAN2 and whose pictures were given for research only.",
)
LEFFA = Licence(
    "MIT (code and model card), on base weights under CreativeML OpenRAIL",
    "https://huggingface.co/franciszzj/Leffa",
    "ask a lawyer",
    "The authors allow it, but trained on data sets given for research only: ask a lawyer before "
    "you sell with it. The base model's licence forbids the harmful uses that it lists.",
)
OPENPOSE = Licence(
    "OpenPose: academic or non-profit, non-commercial",
    "https://github.com/CMU-Perceptual-Computing-Lab/openpose/blob/master/LICENSE",
    "no",
    "Not for a shop without a commercial licence from its university; the built-in body model "
    "does the same task and is free for any use.",
)
DENSEPOSE = Licence(
    "CC BY-NC 4.0 (weights), Apache-2.0 (code)",
    "https://github.com/facebookresearch/DensePose/blob/main/LICENSE",
    "no",
    "Not for a shop: the weights were released for non-commercial use; check the model zoo's page.",
)
SEGFORMER = Licence(
    "NVIDIA Source Code License for SegFormer (research or evaluation only)",
    "https://github.com/NVlabs/SegFormer/blob/master/LICENSE",
    "no",
    "Not for a shop: trained on from NVIDIA's weights, whose terms allow no commercial use, also "
    "where the page of the trained network says MIT. SCHP's networks are free of that.",
)
SAPIENS2 = Licence(
    "Sapiens2 License (Meta)",
    "https://github.com/facebookresearch/sapiens2/blob/main/LICENSE.md",
    "ask a lawyer",
    "Meta's own terms, which rule out surveillance, biometric identification and deepfakes, among "
    "others: read them before you use or sell anything made with it.",
)
MIT = Licence(
    "MIT",
    "https://github.com/GoGoDuck912/Self-Correction-Human-Parsing/blob/master/LICENSE",
    "yes",
    "May be used commercially; the data sets it was trained on have terms of their own.",
    must_accept=False,
)
APACHE = Licence(
    "Apache-2.0",
    "https://www.apache.org/licenses/LICENSE-2.0",
    "yes",
    "May be used commercially.",
    must_accept=False,
)
FASHN_VTON = Licence(
    "Apache-2.0",
    "https://huggingface.co/fashn-ai/fashn-vton-1.5",
    "yes",
    "May be used commercially: code and weights are Apache-2.0, and DWPose beside it too. Only its "
    "authors' own parser may not (NVIDIA's terms), and it is never needed here.",
    must_accept=False,
)
OPENRAIL = Licence(
    "CreativeML OpenRAIL-M",
    "https://huggingface.co/spaces/CompVis/stable-diffusion-license",
    "yes",
    "May be used commercially, except for the harmful uses that the licence lists.",
)
