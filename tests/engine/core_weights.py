"""Random weights for ComfyUI's own models, laid out as the engine's own classes name them.

    python core_weights.py ENGINE MODELS NAME...       NAME: folder/file below MODELS

Runs in the engine's Python. Where the engine reads a size from the file (layers, most widths of
the diffusion models, the VAEs' decoders) it is small. So are the inner widths of a network whose
file marks a layer as quantized: of such a file the engine takes every weight without a bias in the
shape in which it lies there. The text encoders and Z-Image are written so (`_thin`): all layers,
their real outer widths and heads, and THIN units inside.

CLIP vision and SAM 3 have biases everywhere and are of their real size. Whatever is not small is
drawn for the first BLOCKS blocks of each stack and zero in the others, which then pass on what they
are given.
"""

import argparse
import math
import re
import sys
from pathlib import Path

BLOCKS = 2
SMALL = 300_000  # tensors of fewer values are drawn in every block
THIN = 64
VOCABULARY = 80  # of umT5's tokenizer, which comes with its weights


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("engine", type=Path)
    parser.add_argument("models", type=Path)
    parser.add_argument("names", nargs="+")
    given = parser.parse_args()
    sys.path.insert(0, str(given.engine))
    sys.argv = [sys.argv[0], "--cpu"]
    import comfy.options

    comfy.options.enable_args_parsing()
    for name in given.names:
        _write(given.models / name)


def _write(path: Path) -> None:
    from safetensors.torch import save_file

    made = next((m for pattern, m in KINDS.items() if re.search(pattern, str(path))), None)
    if made is None:
        raise SystemExit(f"{path}: which network is this? Enter it in KINDS.")
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(made(), path)
    print(path.name, f"{path.stat().st_size / 1e6:.0f} MB", flush=True)


def _operations():
    import comfy.ops

    return {"device": "meta", "operations": comfy.ops.disable_weight_init}


def _shapes(module) -> dict:
    return {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}


def _random(shapes: dict, dtype=None, seed: int = 0) -> dict:
    import torch

    generator = torch.Generator().manual_seed(seed)
    return {name: _tensor(name, shape, generator, dtype or torch.bfloat16)
            for name, shape in shapes.items()}  # fmt: skip


def _tensor(name: str, shape: tuple, generator, dtype):
    import torch

    if len(shape) < 2:
        ones = name.endswith(("norm.weight", "scale", "gamma", "running_var")) or "norm" in name
        return torch.full(shape, 1.0 if ones and not name.endswith("bias") else 0.0, dtype=dtype)
    if (
        dtype.itemsize == 1 and math.prod(shape) > 1e8
    ):  # drawn in 8 bits: sign, exponent 0, fraction
        drawn = torch.randint(0, 256, shape, generator=generator, dtype=torch.uint8)
        return (drawn & 0x87 | 0x18).view(dtype)  # 0.0625 to 0.12
    spread = 0.05 if "embed" in name else 1 / math.sqrt(math.prod(shape[1:]))
    drawn = torch.empty(shape, dtype=torch.float32).normal_(0, spread, generator=generator)
    return drawn.to(dtype)


def _first_blocks(shapes: dict) -> dict:
    """Without the large tensors of all but the first blocks of each stack."""

    def kept(name, shape):
        number = re.search(r"\.(\d+)\.", name)
        return math.prod(shape) < SMALL or number is None or int(number[1]) < BLOCKS

    return {name: shape for name, shape in shapes.items() if kept(name, shape)}


def _thin(shapes: dict, inward: str, outward: str) -> dict:
    """With THIN units inside: rows of the weights that `inward` finds, columns of `outward`'s."""
    made = dict(shapes)
    for name, (rows, columns) in ((n, s) for n, s in shapes.items() if len(s) == 2):
        if re.search(inward, name):
            made[name] = (THIN, columns)
        elif re.search(outward, name):
            made[name] = (rows, THIN)
    return made


def _all_blocks(shapes: dict, dtype, small_dtype=None) -> dict:
    """The first blocks of each stack random, the others' large tensors zeros."""
    import torch

    drawn = _random(_first_blocks(shapes), dtype)
    made = {n: drawn[n] if n in drawn else torch.zeros(s, dtype=dtype) for n, s in shapes.items()}
    return {n: t.to(small_dtype or dtype) if t.numel() < SMALL else t for n, t in made.items()}


def _quantized(tensors: dict, layer: str) -> dict:
    """With one layer marked as quantized, in the engine's own way: what makes it read the shapes
    of all layers from the file."""
    import torch

    conf = b'{"format": "float8_e4m3fn", "full_precision_matrix_mult": true}'
    told = torch.frombuffer(bytearray(conf), dtype=torch.uint8)
    tensors[f"{layer}.weight"] = tensors[f"{layer}.weight"].to(_float8())
    return tensors | {f"{layer}.comfy_quant": told, f"{layer}.weight_scale": torch.tensor(1.0)}


def _float8():
    import torch

    return torch.float8_e4m3fn


def klein():
    from comfy.ldm.flux.model import Flux

    return _random(_shapes(Flux(
        image_model="flux2", in_channels=128, out_channels=128, vec_in_dim=None,
        context_in_dim=7680, hidden_size=256, mlp_ratio=3.0, num_heads=2, depth=1,
        depth_single_blocks=2, axes_dim=[32] * 4, theta=2000, patch_size=1, qkv_bias=False,
        guidance_embed=False, txt_ids_dims=[3], global_modulation=True, mlp_silu_act=True,
        ops_bias=False, default_ref_method="index", ref_index_scale=10.0,
        **_operations())))  # fmt: skip


def z_image():
    from comfy.ldm.lumina.model import NextDiT

    shapes = _shapes(NextDiT(
        patch_size=2, in_channels=16, dim=3840, cap_feat_dim=2560, n_layers=1, qk_norm=True,
        n_heads=30, n_kv_heads=30, axes_dims=[32, 48, 48], axes_lens=[1536, 512, 512],
        rope_theta=256.0, ffn_dim_multiplier=8 / 3, z_image_modulation=True, time_scale=1000.0,
        pad_tokens_multiple=32, **_operations()))  # fmt: skip
    thin = _thin(shapes, r"feed_forward\.w[13]\.", r"feed_forward\.w2\.")
    return _quantized(_random(thin, _float8()), "final_layer.linear")


def qwen(marked: bool = False):
    import torch
    from comfy.ldm.qwen_image.model import QwenImageTransformer2DModel

    made = _random(_shapes(QwenImageTransformer2DModel(num_layers=1, **_operations())), _float8())
    return made | ({"__index_timestep_zero__": torch.zeros(0)} if marked else {})


WAN = {"dim": 256, "ffn_dim": 512, "num_heads": 2, "num_layers": 2}


def vace():
    from comfy.ldm.wan.model import VaceWanModel

    return _random(_shapes(VaceWanModel(vace_layers=1, vace_in_dim=96, **WAN, **_operations())))


def scail():
    from comfy.ldm.wan.model import SCAIL2WanModel

    return _random(_shapes(SCAIL2WanModel(out_dim=16, **WAN, **_operations())))


def plain_vae(channels: int, normalized: bool = False):
    from comfy.ldm.models.autoencoder import AutoencoderKL, AutoencodingEngine

    settings = {
        "double_z": True, "z_channels": channels, "resolution": 256, "in_channels": 3, "out_ch": 3,
        "ch": 128, "ch_mult": [1, 2, 4, 4], "num_res_blocks": 2, "attn_resolutions": [],
        "dropout": 0.0,
    }  # fmt: skip
    decoder = settings | {"ch": 32}
    if normalized:
        settings["batch_norm_latent"] = True
        return _random(_shapes(AutoencoderKL(ddconfig=settings, embed_dim=channels,
                                             decoder_ddconfig=decoder)))  # fmt: skip
    where = "comfy.ldm.modules.diffusionmodules.model."
    return _random(_shapes(AutoencodingEngine(
        regularizer_config={"target": "comfy.ldm.models.autoencoder.DiagonalGaussianRegularizer"},
        encoder_config={"target": where + "Encoder", "params": settings},
        decoder_config={"target": where + "Decoder", "params": decoder})))  # fmt: skip


def wan_vae():
    from comfy.ldm.wan.vae import WanVAE

    return _random(_shapes(WanVAE(
        dim=16, z_dim=16, dim_mult=[1, 2, 4, 4], num_res_blocks=2, attn_scales=[],
        temperal_downsample=[False, True, True])))  # fmt: skip


def qwen3():
    return _llama("Qwen3_4B")


def qwen25():
    return _llama("Qwen25_7BVLI")


def _llama(name: str):
    """Qwen's encoders: read by their heads, so those are of the real size."""
    import comfy.text_encoders.llama as place
    import torch

    shapes = _shapes(getattr(place, name)({}, torch.float32, **_operations()))
    layers = r"^model\.layers\.\d+\.mlp\."
    thin = _thin(shapes, rf"{layers}(gate|up)_proj", rf"{layers}down_proj")
    tensors = _all_blocks(thin, _float8(), torch.bfloat16)
    return _quantized(tensors, "model.embed_tokens")


def umt5():
    """The last block keeps its size: the engine tells the encoder by it."""
    import json

    import comfy.text_encoders.t5 as place
    import torch

    config = json.loads((Path(str(place.__file__)).parent / "umt5_config_xxl.json").read_text())
    shapes = _shapes(place.T5(config, torch.float32, **_operations()))
    layers = r"block\.(?!23\.)\d+\.layer\.1\.DenseReluDense\."
    thin = _thin(shapes, rf"SelfAttention\.[qkv]\.|{layers}wi_", rf"SelfAttention\.o\.|{layers}wo")
    thin["shared.weight"] = (VOCABULARY, config["d_model"])
    pieces = torch.frombuffer(bytearray(_pieces()), dtype=torch.uint8)
    tensors = _all_blocks(thin, _float8(), torch.bfloat16)
    return _quantized(tensors, "shared") | {"spiece_model": pieces}


def _pieces() -> bytes:
    """A vocabulary of words for the encoder's tokenizer, which comes with its weights."""
    import io

    import sentencepiece

    text = "a person walks and wears the garment, the clothes of a shop: 一个人穿着衣服走路。"
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([text] * 20), model_writer=model, vocab_size=VOCABULARY,
        hard_vocab_limit=False, pad_id=0, eos_id=1, unk_id=2, bos_id=-1, minloglevel=2,
    )  # fmt: skip
    return model.getvalue()


def clip_vision():
    import json

    import comfy.clip_vision as place
    import torch
    from comfy.clip_model import CLIPVisionModelProjection

    config = json.loads(
        (Path(str(place.__file__)).parent / "clip_vision_config_h.json").read_text()
    )
    settings = _operations()
    made = CLIPVisionModelProjection(config, torch.float32, "meta", settings["operations"])
    return _all_blocks(_shapes(made), torch.float16)


def sam3():
    import torch
    from comfy.clip_model import CLIPTextModel
    from comfy.ldm.sam3.detector import SAM3Model
    from comfy.text_encoders.sam3_clip import SAM3_CLIP_CONFIG

    settings = _operations()
    text = CLIPTextModel(SAM3_CLIP_CONFIG, torch.float32, "meta", settings["operations"])
    prefix = "detector.backbone.language_backbone.sam3_clip.transformer."
    shapes = _shapes(SAM3Model(image_model="SAM31", **settings))
    shapes |= {prefix + name: shape for name, shape in _shapes(text).items()}
    return _all_blocks(shapes, torch.float16)


def lora(layer: str, inner: int, outer: int):
    """Of rank 4, for one layer of a diffusion model."""
    name = f"diffusion_model.{layer}.lora_"
    return _random({f"{name}A.weight": (4, inner), f"{name}B.weight": (outer, 4)})


KINDS = {
    r"loras/(?i:qwen-image)": lambda: lora("transformer_blocks.0.attn.to_q", 3072, 3072),
    r"loras/(?i:wan2|lightx2v)": lambda: lora("blocks.0.self_attn.q", 256, 256),
    "clip_vision_h": clip_vision, "sam3.1": sam3,
    "klein": klein, "z_image": z_image, "qwen_image_edit_2511": lambda: qwen(True),
    r"diffusion_models/qwen_image": qwen, "vace_14B_fp16": vace, "SCAIL_2_fp16": scail,
    r"vae/ae\.": lambda: plain_vae(16), "flux2-vae": lambda: plain_vae(32, True),
    "qwen_image_vae": wan_vae, "(?i)wan_?2.1_vae": wan_vae, "qwen_3_4b": qwen3,
    "qwen_2.5_vl_7b": qwen25, "umt5": umt5,
}  # fmt: skip

if __name__ == "__main__":
    main()
