"""Which files of ComfyUI's own models a workflow names, and what of it runs without them.

An engine of the tests gets an empty file for each, so that every choice holds; the networks
themselves are too large to be made for a test.
"""

import json
from pathlib import Path

FRAMES = {"video_vace": 5, "video_scail2": 1, "video_scail2+tracks": 5}
"""Of the video in a small run. SAM 3.1 takes minutes of a processor for each."""
SMALL = {"megapixels": 0.1, "steps": 1, "detection_threshold": 0.0, "max_objects": 1}
"""Widgets as somebody sets them who wants a quick try; any score of a random network counts."""

API = Path(__file__).resolve().parents[2] / "workflows" / "api"
FOLDERS = {
    ("UNETLoader", "unet_name"): "diffusion_models",
    ("CLIPLoader", "clip_name"): "text_encoders",
    ("VAELoader", "vae_name"): "vae",
    ("LoraLoaderModelOnly", "lora_name"): "loras",
    ("CLIPVisionLoader", "clip_name"): "clip_vision",
    ("CheckpointLoaderSimple", "ckpt_name"): "checkpoints",
}


def files(graph: dict) -> set[str]:
    """`folder/name` of each model file of ComfyUI's own that a workflow in API format names."""
    return {
        f"{folder}/{node['inputs'][name]}"
        for node in graph.values()
        for (kind, name), folder in FOLDERS.items()
        if node["class_type"] == kind
    }


def workflows() -> list[str]:
    """Names of the workflows that need such files."""
    return sorted(path.stem for path in API.glob("*.json") if files(_read(path)))


def install(base: Path) -> None:
    """Empty files of every name, below `base`/models."""
    for path in API.glob("*.json"):
        for name in files(_read(path)):
            file = base / "models" / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.touch()


def read(name: str) -> dict:
    """A workflow in API format."""
    return _read(API / f"{name}.json")


def given_tracks(graph: dict) -> dict:
    """A copy in which our masks, packed as tracks, stand where SAM 3.1 tracks: as many of them as
    there are pictures."""
    made = json.loads(json.dumps(graph))
    masks = next(n for n, node in made.items() if node["class_type"] == "FittingRoomVideoMasks")
    made["grey"] = {"class_type": "MaskToImage", "inputs": {"mask": [masks, 2]}}
    for name in [n for n, node in made.items() if node["class_type"] == "SAM3_VideoTrack"]:
        images = made[name]["inputs"]["images"]
        size, part, mask = (f"{name}-{what}" for what in ("size", "part", "mask"))
        made[size] = {"class_type": "GetImageSize", "inputs": {"image": images}}
        made[part] = {
            "class_type": "ImageFromBatch",
            "inputs": {"image": ["grey", 0], "batch_index": 0, "length": [size, 2]},
        }
        made[mask] = {"class_type": "ImageToMask", "inputs": {"image": [part, 0], "channel": "red"}}
        made[name] = {"class_type": "FittingRoomTestTracks",
                      "inputs": {"images": images, "first_object": [mask, 0]}}  # fmt: skip
    return made


def _read(path: Path) -> dict:
    return json.loads(path.read_text("utf-8"))


def without_models(graph: dict) -> dict:
    """The nodes that need nothing of a model of ComfyUI's own, all that they need with them."""
    kept = {}

    def needed(name: str) -> bool:
        if name not in kept:
            node = graph[name]
            links = [v[0] for v in node["inputs"].values() if isinstance(v, list)]
            loads = any(node["class_type"] == kind for kind, _ in FOLDERS)
            kept[name] = not loads and all([needed(link) for link in links])
        return kept[name]

    return {name: node for name, node in graph.items() if needed(name)}


def shown(graph: dict, info: dict) -> dict:
    """The graph with every picture, mask and text that our nodes give shown, so that they run."""
    result = dict(graph)
    for name, node in graph.items():
        if not node["class_type"].startswith("FittingRoom"):
            continue
        for place, kind in enumerate(info[node["class_type"]]["output"]):
            key = f"show-{name}-{place}"
            if kind == "IMAGE":
                result[key] = {"class_type": "PreviewImage", "inputs": {"images": [name, place]}}
            elif kind == "MASK":
                grey = {"class_type": "MaskToImage", "inputs": {"mask": [name, place]}}
                result[f"{key}-grey"] = grey
                result[key] = {
                    "class_type": "PreviewImage",
                    "inputs": {"images": [f"{key}-grey", 0]},
                }
            elif kind == "STRING":
                result[key] = {"class_type": "PreviewAny", "inputs": {"source": [name, place]}}
    return result


def small(graph: dict, frames: int = 1) -> dict:
    """A copy whose pictures are small, whose video has so many frames, and which takes one step."""
    made = json.loads(json.dumps(graph))
    for node in made.values():
        inputs = node["inputs"]
        for name, value in (SMALL | {"most": frames}).items():
            if name in inputs and not isinstance(inputs[name], list):
                inputs[name] = value
        if node["class_type"] == "EmptySD3LatentImage":
            inputs["width"] = inputs["height"] = 256
    return made


def bypassed(graph: dict, kind: str, by: str) -> dict:
    """A copy without the nodes of a kind, as somebody bypasses them in the page: what came in as
    `by` goes on in place of their first output; what shows their other outputs goes with them."""
    made = json.loads(json.dumps(graph))
    for name in [name for name, node in made.items() if node["class_type"] == kind]:
        source = made.pop(name)["inputs"][by]
        for other in list(made):
            inputs = made[other]["inputs"]
            links = {key: v for key, v in inputs.items() if isinstance(v, list) and v[0] == name}
            if any(link[1] for link in links.values()):
                del made[other]
            else:
                inputs.update(dict.fromkeys(links, source))
    return made


def with_a_photo(graph: dict, photo: str) -> dict:
    """A copy in which what a model draws as a garment is only shown, and a photo is checked, cut
    out and worn in its place."""
    made = json.loads(json.dumps(graph))
    drawn = [name for name, node in made.items() if node["class_type"] == "VAEDecode"]
    for name in [name for name, node in made.items() if node["class_type"].endswith("SafetyCheck")]:
        link = made[name]["inputs"]["image"]
        if link[0] in drawn:
            made["photo"] = {"class_type": "LoadImage", "inputs": {"image": photo}}
            made["drawn"] = {"class_type": "PreviewImage", "inputs": {"images": link}}
            made[name]["inputs"]["image"] = ["photo", 0]
    return made
