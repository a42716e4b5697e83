#!/usr/bin/env python3
"""Vectors for the models' tests, from the peers: makes a small random checkpoint of each family with
transformers and adapters of it with peft, and writes them with tokens -> logits, loss and the
adapters' gradients into src/model/testdata/families/.

    python3 -m venv ~/.cache/parity && ~/.cache/parity/bin/pip install torch==2.6.0 transformers==4.57.6 peft safetensors
    ~/.cache/parity/bin/python tools/parity/models.py [--out FOLDER] [CASE ...]

A case is a folder as `save_pretrained` writes it, with vectors.safetensors beside it: `tokens`, `logits`
[tokens, vocabulary] and `loss` (mean cross-entropy of every next token). Each adapter is a folder inside: what
peft's `save_pretrained` writes, and vectors.safetensors with `logits`, `loss` and `gradient.NAME` for every tensor of
adapter_model.safetensors; gradients of an adapter with dropout, and `dropped_loss`, are of a training step, with our own masks in place
of torch's (src/model/train/noise.hpp: seed 5, step 3, document 0). Everything is computed in fp32 on the CPU from the values that are stored. Numbers are
all F32, tokens too. Weights are drawn here; nothing is downloaded.
"""
import argparse, json, os, shutil, sys

# tokenizers.py beside this file must not shadow the library.
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]
os.environ["HF_HUB_OFFLINE"] = "1"
import peft
import torch
import transformers
from safetensors.torch import load_file, save_file

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/model/testdata/families")
TOKENS = 26
SHAPE = dict(vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
             num_key_value_heads=2, max_position_embeddings=64)
LINEARS = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
T = transformers


def lora(**more):
    base = dict(r=3, lora_alpha=5, target_modules=LINEARS, task_type="CAUSAL_LM")
    return peft.LoraConfig(**{**base, **more})


# name: (configuration, dtype, shard size, adapters)
CASES = {
    "llama": (
        T.LlamaConfig(**SHAPE, rms_norm_eps=1e-5),
        torch.float32, "10GB", {"lora": lora()}),
    "llama3": (
        T.LlamaConfig(**SHAPE, tie_word_embeddings=True, rope_theta=100.0, rope_scaling=dict(
            rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
            original_max_position_embeddings=32)),
        torch.bfloat16, "10GB", {"rslora_patterns": lora(
            r=4, use_rslora=True, target_modules=["q_proj", "v_proj", "down_proj"],
            rank_pattern={"layers.1.self_attn.q_proj": 2, "down_proj": 5}, alpha_pattern={"v_proj": 7})}),
    "llama_linear": (
        T.LlamaConfig(**SHAPE, rope_scaling=dict(rope_type="linear", factor=2.5), attention_bias=True,
                      mlp_bias=True),
        torch.bfloat16, "20KB", {"tables_saved": lora(target_modules=["q_proj", "o_proj", "embed_tokens", "lm_head"])}),
    "mistral": (
        T.MistralConfig(**SHAPE, sliding_window=7),
        torch.bfloat16, "10GB", {"lora": lora(target_modules=["q_proj", "v_proj"])}),
    "qwen2": (
        T.Qwen2Config(**SHAPE, tie_word_embeddings=True, rope_theta=1e6, use_sliding_window=False),
        torch.bfloat16, "10GB", {"dora": lora(use_dora=True),
                                 "head": lora(target_modules=["k_proj", "lm_head"]),
                                 "dora_dropout": lora(use_dora=True, lora_dropout=0.25)}),
    "qwen2_windows": (
        T.Qwen2Config(**{**SHAPE, "num_hidden_layers": 3}, use_sliding_window=True, sliding_window=5,
                      max_window_layers=1),
        torch.float16, "10GB", {}),
    "deepseek_qwen": (
        T.Qwen2Config(**SHAPE, rope_theta=10000.0, use_sliding_window=False, sliding_window=4096,
                      max_window_layers=28),
        torch.bfloat16, "10GB", {"lora": lora(target_modules=["q_proj", "k_proj", "v_proj", "o_proj"])}),
    "qwen3": (
        T.Qwen3Config(**SHAPE, head_dim=16, tie_word_embeddings=True, rope_theta=1e6),
        torch.bfloat16, "10GB", {"lora": lora()}),
    "gemma2": (
        T.Gemma2Config(**{**SHAPE, "num_hidden_layers": 3}, head_dim=12, query_pre_attn_scalar=10,
                       sliding_window=6, attn_logit_softcapping=4.0, final_logit_softcapping=6.0,
                       attn_implementation="eager"),
        torch.bfloat16, "10GB", {"lora": lora(), "tables": lora(target_modules=["q_proj", "embed_tokens"]),
                                 "head_dora": lora(use_dora=True, target_modules=["down_proj", "lm_head"])}),
    "gemma3": (
        T.Gemma3TextConfig(**{**SHAPE, "num_hidden_layers": 3, "num_key_value_heads": 1}, head_dim=12,
                           query_pre_attn_scalar=12, sliding_window=6, rope_local_base_freq=100.0,
                           rope_theta=1e4, rope_scaling=dict(rope_type="linear", factor=4.0),
                           layer_types=["sliding_attention", "sliding_attention", "full_attention"]),
        torch.bfloat16, "10GB", {"lora": lora(), "tables_dora": lora(
            use_dora=True, target_modules=["v_proj", "up_proj", "embed_tokens"])}),
    "gpt2": (
        T.GPT2Config(vocab_size=64, n_embd=32, n_layer=2, n_head=4, n_positions=48, n_inner=None,
                     bos_token_id=63, eos_token_id=63),
        torch.float32, "10GB", {"lora": lora(target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True),
                                "dora": lora(target_modules=["c_attn"], fan_in_fan_out=True, use_dora=True),
                                "dropout": lora(target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True, lora_dropout=0.3),
                                "dora_dropout": lora(target_modules=["c_attn", "c_proj", "c_fc"], fan_in_fan_out=True, use_dora=True,
                                                     lora_dropout=0.3)}),
}


def shake(model, generator):
    """Weights that make every part matter: scores of several units, norms that are not one, biases."""
    for name, p in model.named_parameters():
        noise = torch.randn(p.shape, generator=generator)
        if "norm" in name or ".ln_" in name:
            p.data = p.data + (0.3 * noise if p.dim() == 1 else noise)
        elif name.endswith("bias"):
            p.data = 0.3 * noise
        elif "embed" in name or "wte" in name or "wpe" in name or "lm_head" in name:
            p.data = 0.4 * noise
        else:
            p.data = noise * (2.0 / min(p.shape)) ** 0.5 * (1.3 if "q_proj" in name or "k_proj" in name else 1.0)


def run(model, tokens):
    out = model(input_ids=tokens[None], labels=tokens[None])
    return out.logits[0], out.loss


def numbers(tensor):
    return tensor.detach().to(torch.float32).contiguous().clone()


GOLDEN, WORD = 0x9E3779B97F4A7C15, (1 << 64) - 1
SEED, STEP = 5, 3
# Projections that read the same rows share a mask.
GROUPS = {"q_proj": 0, "k_proj": 0, "v_proj": 0, "c_attn": 0, "o_proj": 1, "attn.c_proj": 1,
          "gate_proj": 2, "up_proj": 2, "c_fc": 2, "down_proj": 3, "mlp.c_proj": 3}


def mix64(z):
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & WORD
    return z ^ (z >> 31)


class Mask(torch.nn.Module):
    """Dropout as train/noise.hpp has it."""

    def __init__(self, place, p):
        super().__init__()
        self.place, self.p = place, torch.tensor(p, dtype=torch.float32)

    def forward(self, x):
        limit = int(self.p.double() * 2 ** 24)
        kept = torch.ones(x.shape[-2:])
        for position in range(x.shape[-2]):
            key = mix64((SEED + GOLDEN * (self.place + 2)) & WORD)
            for part in (STEP, 0, position):
                key = mix64((key + GOLDEN * (part + 1)) & WORD)
            for c in range(x.shape[-1]):
                if mix64((key + GOLDEN * (c + 1)) & WORD) >> 40 < limit:
                    kept[position, c] = 0
        return x * (kept / (1 - self.p))


def set_masks(model, p):
    """Puts the adapters, and nothing else, into training."""
    for name, module in model.named_modules():
        if not hasattr(module, "lora_dropout"):
            continue
        layer = next(int(part) for part in name.split(".") if part.isdigit())
        group = next(g for end, g in GROUPS.items() if name.endswith(end))
        module.lora_dropout["default"] = Mask(layer * 4 + group, p)
        module.training = True


def make_adapter(folder, base, config, tokens, generator):
    model = peft.get_peft_model(base, config)
    model.eval()
    for name, p in model.named_parameters():
        if not p.requires_grad:
            continue
        noise = torch.randn(p.shape, generator=generator)
        p.data = p.data * (1 + 0.2 * noise) if "magnitude" in name else 0.25 * noise
    # By itself peft saves the base's tables beside the adapters of tables ("tables_saved" does).
    model.save_pretrained(folder, save_embedding_layers="saved" in folder)
    readme = os.path.join(folder, "README.md")
    if os.path.exists(readme):
        os.remove(readme)
    path = os.path.join(folder, "adapter_config.json")
    text = json.load(open(path))
    text["base_model_name_or_path"] = None
    text["target_modules"].sort()
    json.dump(text, open(path, "w"), indent=2, sort_keys=True)
    logits, loss = run(model, tokens)
    vectors = {"logits": numbers(logits), "loss": numbers(loss[None])}
    if config.lora_dropout > 0:
        set_masks(model, config.lora_dropout)
        loss = run(model, tokens)[1]
        vectors["dropped_loss"] = numbers(loss[None])
    loss.backward()
    gradients = {name.replace(".default", ""): p.grad for name, p in model.named_parameters() if p.requires_grad}
    for name in load_file(os.path.join(folder, "adapter_model.safetensors")):
        if "base_layer" in name:
            continue
        known = name if name in gradients else name + ".weight"
        vectors["gradient." + name] = numbers(gradients.pop(known))
    assert not gradients, list(gradients)
    save_file(vectors, os.path.join(folder, "vectors.safetensors"))
    model.unload()


def make(name, out):
    config, dtype, shard, adapters = CASES[name]
    generator = torch.Generator().manual_seed(sum(name.encode()))
    folder = os.path.join(out, name)
    shutil.rmtree(folder, ignore_errors=True)
    kind = T.AutoModelForCausalLM
    model = kind.from_config(config, attn_implementation="eager")
    shake(model, generator)
    model.to(dtype).save_pretrained(folder, max_shard_size=shard)
    tokens = torch.randint(0, config.vocab_size, (TOKENS,), generator=generator)

    def load():
        loaded = kind.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
        return loaded.eval()

    logits, loss = run(load(), tokens)
    save_file({"tokens": tokens.to(torch.float32), "logits": numbers(logits), "loss": numbers(loss[None])},
              os.path.join(folder, "vectors.safetensors"))
    changes = []
    for label, adapter in adapters.items():
        make_adapter(os.path.join(folder, label), load(), adapter, tokens, generator)
        adapted = load_file(os.path.join(folder, label, "vectors.safetensors"))["logits"]
        changes.append("%s %.2f" % (label, (adapted - logits).abs().max()))
    size = sum(os.path.getsize(os.path.join(r, f)) for r, _, files in os.walk(folder) for f in files)
    print("%-14s loss %.3f, largest logit %.2f, %d bytes; changed by %s" % (
        name, loss.item(), logits.abs().max(), size, ", ".join(changes) or "-"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", default=OUT)
    parser.add_argument("cases", nargs="*", default=list(CASES))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    T.logging.set_verbosity_error()
    for name in arguments.cases:
        make(name, arguments.out)


main()
