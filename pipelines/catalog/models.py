"""What can be installed: per variant its files, licence, limits and defaults.

The entries are data, one file a family in `entries/`. Sizes and hashes are the published ones.
`derived` marks a size that was computed from parameter names and shapes and not read from a
listing; None is unknown and is then not compared. Where a number comes from is said beside it. A
download also compares with the hash that the server gives. Adding a model is adding an entry;
nothing else lists models.
"""

from __future__ import annotations

import hashlib
from fnmatch import fnmatchcase

from ..errors import InputError
from .entries import (
    catvton,
    fashiontex,
    fashn_vton,
    idm_vton,
    ladi_vton,
    leffa,
    ootdiffusion,
    parsers,
    sievenet,
    tools,
)  # fmt: skip
from .types import Variant

FAMILIES = (
    fashn_vton, ootdiffusion, idm_vton, catvton, ladi_vton, leffa, sievenet, fashiontex, parsers,
    tools,
)  # fmt: skip
"""In the order in which they are listed."""
VARIANTS: dict[str, Variant] = {
    variant.name: variant for family in FAMILIES for variant in family.ENTRIES
}


def variant_named(name: str) -> Variant:
    """The entry of "model/variant"; of "model" alone where it has only one variant.

    Raises InputError naming the possible ones.
    """
    if name in VARIANTS:
        return VARIANTS[name]
    fitting = [key for key in VARIANTS if fnmatchcase(key, f"{name}/*")]
    if len(fitting) == 1:
        return VARIANTS[fitting[0]]
    choices = fitting or list(VARIANTS)
    raise InputError(f"No model is called {name!r}. Choose one of: {', '.join(choices)}.")


def variants_of(*kinds: str) -> list[Variant]:
    """The entries of these kinds (of `types.KINDS`), in the catalogue's order."""
    return [variant for variant in VARIANTS.values() if variant.kind in kinds]


def made_for(variant: Variant) -> str:
    """Size, and steps and guidance where it has them, as the authors use it."""
    said = [f"{variant.width}x{variant.height}"]
    if "steps" in variant.settings:
        of = f" of {variant.scheduler}" if variant.scheduler else ""
        said.append(f"{variant.steps} steps{of}")
    if "guidance" in variant.settings:
        said.append(f"guidance {variant.guidance:g}")
    return ", ".join(said)


def revision_of(name: str) -> str:
    """Tells the published files of a model apart from later ones: repositories, revisions, hashes.
    "" for what is not in the catalogue, such as the preview."""
    variant = VARIANTS.get(name)
    if variant is None:
        return ""
    told = [
        (source.repository, source.revision, [(file.path, file.sha256) for file in source.files])
        for source in variant.sources
    ]
    return hashlib.sha256(repr(told).encode()).hexdigest()
