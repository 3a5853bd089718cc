"""The mechanism that the two-UNet models share, on tiny random UNets of both architectures."""

import copy

import pytest
import torch
from diffusers import UNet2DConditionModel
from diffusers.models.attention_processor import AttnProcessor2_0
from fitting_room.pipelines.diffusion import reference as ref
from fitting_room.pipelines.diffusion.attention import zero_token_logits
from fitting_room.pipelines.errors import InputError

SD15 = {  # the same kinds of blocks as SD-1.5 and SDXL, fewer of them
    "block_out_channels": (8, 16, 16),
    "down_block_types": ("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
    "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
    "layers_per_block": 1,
    "attention_head_dim": 2,
    "cross_attention_dim": 12,
    "norm_num_groups": 4,
}
SDXL = {
    "block_out_channels": (8, 16, 16),
    "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"),
    "up_block_types": ("CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"),
    "layers_per_block": 1,
    "transformer_layers_per_block": (1, 1, 2),
    "attention_head_dim": (1, 2, 4),
    "use_linear_projection": True,
    "cross_attention_dim": 12,
    "norm_num_groups": 4,
}


def build(config, seed, **changes):
    torch.manual_seed(seed)
    unet = UNet2DConditionModel(**{**config, "in_channels": 4, **changes})
    for parameter in unet.parameters():  # norms are ones and zeros otherwise
        torch.nn.init.normal_(parameter, std=0.2)
    return unet.eval().requires_grad_(False)


def draw(*shape, seed=1):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


class WholeSequence(AttnProcessor2_0):
    """The published formulation: attention among all tokens, of which the own ones are kept."""

    def __init__(self, tokens):
        super().__init__()
        self.tokens = tokens

    def __call__(self, attn, hidden_states, **kwargs):
        own = hidden_states.shape[1]
        both = torch.cat([hidden_states, self.tokens], dim=1)
        return super().__call__(attn, both, **kwargs)[:, :own]


def published(unet, tokens, latents, timestep, context):
    unet = copy.deepcopy(unet)
    for name, block in ref.transformer_blocks(unet).items():
        block.attn1.set_processor(WholeSequence(tokens[name]))
    return unet(latents, timestep, context).sample


@pytest.fixture(params=[SD15, SDXL], ids=["sd15", "sdxl"])
def config(request):
    return request.param


@pytest.fixture
def pair(config):
    """A stock denoiser, the same one equipped, an equipped reference UNet, and its tokens."""
    stock = build(config, 1)
    equipped = copy.deepcopy(stock)
    ref.equip(equipped)
    reference = build(config, 2)
    ref.equip(reference)
    context = ref.project_context(reference, draw(2, 3, 12))
    tokens = ref.read_tokens(reference, draw(2, 4, 9, 6), 21, context, normalised=True)
    return stock, equipped, reference, tokens


def call(unet, latents, timestep=21, text=None, **given):
    return unet(latents, timestep, text, cross_attention_kwargs=given).sample


def test_blocks_are_named_in_execution_order(config):
    unet = build(config, 1)
    ran = []
    for name, block in ref.transformer_blocks(unet).items():
        block.register_forward_pre_hook(lambda *_, name=name: ran.append(name))
    unet(draw(1, 4, 8, 8), 1, draw(1, 3, 12))
    assert list(ref.transformer_blocks(unet)) == ran
    assert len(ran) == (2 + 1 + 4 if config is SD15 else 1 + 2 + 2 + 2 * 2 + 2 * 1)


def test_without_anything_given_it_is_the_stock_unet(pair):
    stock, equipped, _, _ = pair
    latents, text = draw(2, 4, 9, 6), draw(2, 3, 12)
    expected = stock(latents, 21, text).sample
    assert torch.equal(equipped(latents, 21, text).sample, expected)
    assert torch.equal(call(equipped, latents, text=text, reference=None), expected)


def test_equals_the_published_formulation(pair):
    stock, equipped, _, tokens = pair
    latents, text = draw(2, 4, 9, 6, seed=3), draw(2, 3, 12)
    given = ref.project_reference(equipped, tokens)
    actual = call(equipped, latents, text=text, reference=given)
    expected = published(stock, tokens, latents, 21, text)
    torch.testing.assert_close(actual, expected, atol=2e-5, rtol=1e-4)
    assert (actual - stock(latents, 21, text).sample).abs().max() > 1e-3


def test_garment_of_another_size(pair):
    stock, equipped, reference, _ = pair
    latents, text = draw(1, 4, 8, 12, seed=3), draw(1, 3, 12)
    context = ref.project_context(reference, text)
    tokens = ref.read_tokens(reference, draw(1, 4, 5, 4), 3, context, normalised=True)
    actual = call(equipped, latents, text=text, reference=ref.project_reference(equipped, tokens))
    expected = published(stock, tokens, latents, 21, text)
    torch.testing.assert_close(actual, expected, atol=2e-5, rtol=1e-4)


def test_constant_keys_and_values_are_exact(pair):
    _, equipped, _, tokens = pair
    text = draw(2, 3, 12)
    kept = ref.project_reference(equipped, tokens)
    context = ref.project_context(equipped, text)
    for timestep in (800, 3):
        latents = draw(2, 4, 9, 6, seed=timestep)
        again = ref.project_reference(equipped, tokens)
        expected = call(equipped, latents, timestep, text, reference=again)
        actual = call(equipped, latents, timestep, reference=kept, context=context)
        assert torch.equal(actual, expected)


def test_tokens_before_norm1_are_normalised_by_the_denoiser(pair):
    _, equipped, reference, tokens = pair
    context = ref.project_context(reference, draw(2, 3, 12))
    raw = ref.read_tokens(reference, draw(2, 4, 9, 6), 21, context, normalised=False)
    for name, block in ref.transformer_blocks(reference).items():
        assert torch.equal(block.norm1(raw[name]), tokens[name])
    given = ref.project_reference(equipped, raw, normalise=True)
    for name, block in ref.transformer_blocks(equipped).items():
        assert torch.equal(given.layers[name].key, block.attn1.to_k(block.norm1(raw[name])))


def test_rows_share_keys_and_values(pair):
    _, equipped, _, tokens = pair
    latents, text = draw(3, 4, 9, 6, seed=5), draw(2, 3, 12)
    rows = torch.tensor([1, 0, 1])
    repeated = {name: tensor[rows] for name, tensor in tokens.items()}
    expected = call(
        equipped, latents, text=text[rows], reference=ref.project_reference(equipped, repeated)
    )
    given = ref.project_reference(equipped, tokens).for_samples(rows)
    context = ref.project_context(equipped, text).for_samples(rows)
    actual = call(equipped, latents, reference=given, context=context)
    torch.testing.assert_close(actual, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_zero_tokens_in_closed_form(pair, dtype):
    stock, equipped, _, tokens = pair
    latents, text = draw(2, 4, 9, 6, seed=5), draw(2, 3, 12)
    one = {name: tensor[1:] for name, tensor in tokens.items()}
    zeros_first = {name: torch.cat([torch.zeros_like(row), row]) for name, row in one.items()}
    expected = published(stock, zeros_first, latents, 21, text)
    masked_out = call(equipped, latents, text=text)

    unet = equipped.to(dtype)
    given = ref.project_reference(unet, {n: t.to(dtype) for n, t in one.items()}, zero_rows=1)
    actual = call(unet, latents.to(dtype), text=text.to(dtype), reference=given).float()
    tolerance = {torch.float32: 2e-5, torch.float16: 0.02, torch.bfloat16: 0.15}[dtype]
    spread = expected.std()
    assert (actual - expected).abs().max() < tolerance * spread
    assert (masked_out - expected)[:1].abs().max() > 0.02 * spread


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("count", [1, 6, 192, 768, 3072, 12288])
def test_zero_token_logits_weigh_the_number_of_tokens(dtype, count):
    logits = zero_token_logits(count, torch.empty(0, dtype=dtype))
    assert logits.dtype == dtype
    assert logits.double().exp().sum().item() == pytest.approx(count, rel=1e-6)


def test_trimmed_reference_reads_the_same_tokens(config, pair):
    _, equipped, reference, tokens = pair
    context = ref.project_context(reference, draw(2, 3, 12))
    before = sum(parameter.numel() for parameter in reference.parameters())
    ref.trim_reference(reference)
    again = ref.read_tokens(reference, draw(2, 4, 9, 6), 21, context, normalised=True)
    assert list(again) == list(tokens)
    assert all(torch.equal(again[name], tokens[name]) for name in tokens)
    assert sum(parameter.numel() for parameter in reference.parameters()) < before
    names = [name for name, _ in reference.named_parameters()]
    assert not [name for name in names if "conv_out" in name or "conv_norm_out" in name]
    if config is SDXL:
        assert not [name for name in names if name.startswith("up_blocks.2")]


def test_dropped_cross_attention_adds_norm2(pair):
    stock, equipped, _, _ = pair
    ref.drop_cross_attention(equipped)
    latents = draw(2, 4, 9, 6)
    for block in ref.transformer_blocks(stock).values():
        block.attn2.forward = lambda hidden_states, **_: hidden_states
    assert torch.equal(call(equipped, latents), stock(latents, 21, None).sample)
    assert not [name for name, _ in equipped.named_parameters() if "attn2" in name]


def test_image_prompt(config):
    unet = build(config, 1)
    stock = copy.deepcopy(unet)
    ref.equip(unet, image_prompt=True)
    unet.requires_grad_(False)
    added = [name for name, _ in unet.named_parameters() if "_ip." in name]
    assert len(added) == 2 * len(ref.transformer_blocks(unet))
    assert added[0].endswith("transformer_blocks.0.attn2.processor.to_k_ip.weight")
    latents, text, image = draw(2, 4, 8, 8), draw(2, 3, 12), draw(2, 5, 12, seed=2)
    parts = [p for name, p in unet.named_parameters() if "to_v_ip" in name]

    for part in parts:
        part.zero_()
    silent = ref.project_context(unet, text, image)
    expected = stock(latents, 21, text).sample
    torch.testing.assert_close(call(unet, latents, context=silent), expected)

    blocks = ref.transformer_blocks(unet).values()
    for block in blocks:  # image tokens that are the text tokens, through the text's projections
        block.attn2.processor.to_k_ip.load_state_dict(block.attn2.to_k.state_dict())
        block.attn2.processor.to_v_ip.load_state_dict(block.attn2.to_v.state_dict())
    for block in ref.transformer_blocks(stock).values():
        block.attn2.to_v.weight.mul_(2)
    twice = ref.project_context(unet, text, text)
    expected = stock(latents, 21, text).sample
    torch.testing.assert_close(call(unet, latents, context=twice), expected, atol=1e-5, rtol=1e-4)
    with pytest.raises(ValueError, match="image tokens"):
        call(unet, latents, context=ref.project_context(unet, text))


def test_nothing_stays_on_the_modules(pair):
    _, equipped, reference, tokens = pair

    def state(unet):
        return {
            name: (sorted(vars(module)), len(module._forward_pre_hooks), len(module._forward_hooks))
            for name, module in unet.named_modules()
        }

    before = state(reference), state(equipped)
    context = ref.project_context(reference, draw(2, 3, 12))
    ref.read_tokens(reference, draw(2, 4, 9, 6), 21, context, normalised=True)
    call(equipped, draw(2, 4, 9, 6), text=draw(2, 3, 12),
         reference=ref.project_reference(equipped, tokens))  # fmt: skip
    with pytest.raises(RuntimeError):  # five channels where four are wanted
        ref.read_tokens(reference, draw(2, 5, 9, 6), 21, context, normalised=True)
    with pytest.raises(RuntimeError, match="stop"):
        last = list(ref.transformer_blocks(reference).values())[-1]
        stopper = last.attn1.register_forward_pre_hook(_stop)
        try:
            ref.read_tokens(reference, draw(2, 4, 9, 6), 21, context, normalised=True)
        finally:
            stopper.remove()
    assert (state(reference), state(equipped)) == before


def _stop(*_):
    raise RuntimeError("stop")


def test_tokens_of_another_architecture_are_refused():
    sd15, sdxl = build(SD15, 1), build(SDXL, 1)
    ref.equip(sdxl)
    context = ref.project_context(sdxl, draw(1, 3, 12))
    tokens = ref.read_tokens(sdxl, draw(1, 4, 8, 8), 1, context, normalised=True)
    with pytest.raises(InputError, match="same model"):
        ref.project_reference(sd15, tokens)


def test_compiled_blocks_share_code_and_have_no_graph_break(pair):
    _, equipped, _, tokens = pair
    latents, text = draw(2, 4, 9, 6), draw(2, 3, 12)
    given = ref.project_reference(equipped, tokens, zero_rows=1, rows=torch.tensor([1]))
    context = ref.project_context(equipped, text)
    expected = call(equipped, latents, reference=given, context=context)
    graphs = []

    def backend(graph, _inputs):
        graphs.append(graph)
        return graph

    torch._dynamo.reset()
    ref.compile_blocks(equipped, backend=backend)  # fullgraph: a break would raise
    actual = call(equipped, latents, reference=given, context=context)
    assert torch.equal(actual, expected)
    shapes = {
        (given.layers[name].key.shape, block.attn1.heads)
        for name, block in ref.transformer_blocks(equipped).items()
    }
    assert len(graphs) <= len(shapes) < len(given.layers)
    call(equipped, draw(2, 4, 9, 6, seed=9), 3, reference=given, context=context)
    assert len(graphs) <= len(shapes)
    torch._dynamo.reset()
