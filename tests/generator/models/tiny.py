"""Random models of a few thousand weights, in the very files that the real ones come in.

And who stands beside them: prompts and a painter of a few lines.
"""

# ruff: noqa: PLC0415 - torch and its kin take seconds to import

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from generator.drafts import Picture
from rym.bank import Maker
from rym.messages import Affect

MELODY_WORDS = ("<pad>", "</s>", "<unk>", "calm", "warm", "soft", "piano", "rain", "slow", "bright")
WORDS = {"negative": "dim rain", "neutral": "the lake of zebulon", "positive": "warm sun"}


class Words:
    """Prompts of one's own."""

    def __init__(self, **words: str) -> None:
        self.words = WORDS | words

    def prompt(self, affect: Affect, sense: str, index: int) -> str:
        """Return the affect's words."""
        return self.words[affect]


class Slopes:
    """A painter of plain slopes, others for each scene and take."""

    maker = Maker(backend="procedural")

    def paint(self, scene: int, take: int, frame: int) -> Picture:
        """Paint one frame."""
        y, x = np.mgrid[:72, :128]
        steep = 1 + scene + 2 * take
        colours = [40 + y, 255 - y * steep % 256, x + frame]
        return np.stack(colours, -1).clip(0, 255).astype(np.uint8)

    def places(self, strip: list[Picture]) -> tuple[float, ...]:
        """Return even places."""
        return tuple(np.linspace(-1, 1, len(strip)))


def tokenizer(folder: Path, length: int = 77):
    """Return a CLIP tokenizer that knows letters and a few words."""
    from transformers import CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters)]
    tokens += ["<|startoftext|>", "<|endoftext|>"]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps({token: k for k, token in enumerate(tokens)}))
    (folder / "merges.txt").write_text("#version: 0.2\n")
    return CLIPTokenizer(
        str(folder / "vocab.json"), str(folder / "merges.txt"), model_max_length=length
    )


def text_config(vocabulary: int):
    """Return the configuration of a text encoder with 32 features."""
    from transformers import CLIPTextConfig

    return CLIPTextConfig(
        vocab_size=vocabulary,
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=16,
        bos_token_id=vocabulary - 2,
        eos_token_id=vocabulary - 1,
        pad_token_id=vocabulary - 1,
    )


def vision_config(side: int = 32):
    """Return the configuration of a vision encoder that sees 4 × 4 patches."""
    from transformers import CLIPVisionConfig

    return CLIPVisionConfig(
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        image_size=side,
        patch_size=side // 4,
        projection_dim=16,
    )


def image_processor(side: int = 32):
    """Return what brings a picture into the vision encoder's size."""
    from transformers import CLIPImageProcessor

    return CLIPImageProcessor(
        size={"shortest_edge": side}, crop_size={"height": side, "width": side}
    )


def stable_diffusion(folder: Path) -> tuple[Path, Path]:
    """Write a Stable Diffusion with safety checker, and a ControlNet; return both folders."""
    import torch
    from diffusers import (
        AutoencoderKL,
        ControlNetModel,
        PNDMScheduler,
        StableDiffusionPipeline,
        UNet2DConditionModel,
    )
    from diffusers.pipelines.stable_diffusion import StableDiffusionSafetyChecker
    from transformers import CLIPConfig, CLIPTextModel

    torch.manual_seed(0)
    words = tokenizer(folder / "words")
    text = text_config(len(words))
    shape = {
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "norm_num_groups": 1,
        "cross_attention_dim": 32,
        "attention_head_dim": 2,
        "in_channels": 4,
    }
    down = ("DownBlock2D", "CrossAttnDownBlock2D")
    unet = UNet2DConditionModel(
        sample_size=32,
        out_channels=4,
        down_block_types=down,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        **shape,
    )
    control = ControlNetModel(
        down_block_types=down, conditioning_embedding_out_channels=(4, 4, 8, 8), **shape
    )
    # A ControlNet begins without any say; this one has learned, if nothing sensible.
    for block in (*control.controlnet_down_blocks, control.controlnet_mid_block):
        torch.nn.init.normal_(block.weight, std=3.0)
    torch.nn.init.normal_(control.controlnet_cond_embedding.conv_out.weight, std=3.0)
    # Four halvings as in the real one: a pixel of the latents is 8 × 8 of the picture.
    vae = AutoencoderKL(
        block_out_channels=[4, 4, 8, 8],
        down_block_types=["DownEncoderBlock2D"] * 4,
        up_block_types=["UpDecoderBlock2D"] * 4,
        latent_channels=4,
        norm_num_groups=2,
        sample_size=64,
    )
    checker = StableDiffusionSafetyChecker(
        CLIPConfig(
            text_config=text.to_dict(), vision_config=vision_config().to_dict(), projection_dim=16
        )
    )
    pipeline = StableDiffusionPipeline(
        vae=vae,
        text_encoder=CLIPTextModel(text),
        tokenizer=words,
        unet=unet,
        scheduler=PNDMScheduler(
            beta_start=0.00085,
            beta_end=0.012,
            beta_schedule="scaled_linear",
            skip_prk_steps=True,
            steps_offset=1,
        ),
        safety_checker=checker,
        feature_extractor=image_processor(),
    )
    pipeline.save_pretrained(folder / "tiny-diffusion", safe_serialization=True)
    control.save_pretrained(folder / "tiny-control", safe_serialization=True)
    return folder / "tiny-diffusion", folder / "tiny-control"


def clip(folder: Path) -> Path:
    """Write a CLIP."""
    import torch
    from transformers import CLIPConfig, CLIPModel

    torch.manual_seed(1)
    words = tokenizer(folder / "words")
    config = CLIPConfig(
        text_config=text_config(len(words)).to_dict(),
        vision_config=vision_config().to_dict(),
        projection_dim=16,
    )
    place = folder / "tiny-clip"
    for part in (CLIPModel(config), words, image_processor()):
        part.save_pretrained(place)
    return place


def clap(folder: Path) -> Path:
    """Write a CLAP that hears pieces of one second at 48 kHz."""
    import torch
    from transformers import (
        ClapAudioConfig,
        ClapConfig,
        ClapFeatureExtractor,
        ClapModel,
        ClapTextConfig,
        RobertaTokenizer,
    )

    torch.manual_seed(2)
    special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
    tokens = [*special, *(chr(code) for code in range(33, 127)), "\u0120"]
    (folder / "roberta").mkdir(parents=True)
    names = [str(folder / "roberta" / name) for name in ("vocab.json", "merges.txt")]
    Path(names[0]).write_text(json.dumps({token: k for k, token in enumerate(tokens)}))
    Path(names[1]).write_text("#version: 0.2\n")
    text = ClapTextConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=66,
        projection_dim=16,
    )
    sound = ClapAudioConfig(
        num_mel_bins=16,
        window_size=4,
        spec_size=64,
        patch_size=4,
        patch_stride=(4, 4),
        hidden_size=32,
        patch_embeds_hidden_size=16,
        depths=[1, 1],
        num_hidden_layers=2,
        num_attention_heads=[2, 2],
        projection_dim=16,
    )
    config = ClapConfig(text_config=text.to_dict(), audio_config=sound.to_dict(), projection_dim=16)
    hears = ClapFeatureExtractor(feature_size=16, max_length_s=1, truncation="rand_trunc")
    place = folder / "tiny-clap"
    for part in (ClapModel(config), RobertaTokenizer(*names, model_max_length=512), hears):
        part.save_pretrained(place)
    return place


def melody_model(channels: int = 1):
    """Return a MusicGen-melody of 70 000 random weights and 10 frames per second."""
    torch = pytest.importorskip("torch")
    hf = pytest.importorskip("transformers")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = hf.MusicgenMelodyForConditionalGeneration(
            hf.MusicgenMelodyConfig(
                text_encoder=hf.T5Config(
                    vocab_size=len(MELODY_WORDS), d_model=16, d_kv=4, d_ff=32, num_layers=1,
                    num_heads=2,
                ).to_dict(),
                audio_encoder=hf.EncodecConfig(
                    num_filters=2, codebook_size=32, codebook_dim=16, hidden_size=16,
                    upsampling_ratios=[8, 8, 10, 5], sampling_rate=32_000, target_bandwidths=[0.2],
                ).to_dict(),
                decoder=hf.MusicgenMelodyDecoderConfig(
                    vocab_size=32, hidden_size=16, ffn_dim=32, num_hidden_layers=1,
                    num_attention_heads=2, num_codebooks=4 * channels, audio_channels=channels,
                    pad_token_id=32, bos_token_id=32, decoder_start_token_id=32,
                ).to_dict(),
                num_chroma=12,
                chroma_length=16,
            )
        )  # fmt: skip
        # They begin as zeros, and then no code would be heard.
        for layer in model.audio_encoder.quantizer.layers:
            layer.codebook.embed.normal_()
    config = model.generation_config
    config.pad_token_id = config.bos_token_id = config.decoder_start_token_id = 32
    return model.eval()


def melody_tokenizer():
    """Return a tokenizer of ten words."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = {word: k for k, word in enumerate(MELODY_WORDS)}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", eos_token="</s>", unk_token="<unk>"
    )
