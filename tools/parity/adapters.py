"""Adapters of every kind that PEFT writes, over tiny random models, and what they make of the base's weights.

python3 tools/parity/adapters.py [--out DIR]        to src/model/testdata/peft: bases, adapters, the merged weights of each
python3 tools/parity/adapters.py --check DIR        DIR/NAME are adapters that we saved: PEFT must load them as the same adapter
"""
import json, os, shutil, sys
sys.path = [p for p in sys.path if p != os.path.dirname(os.path.abspath(__file__))]  # tokenizers.py is here
import peft, torch, transformers
from peft import LoraConfig, PeftModel, get_peft_model
from safetensors.torch import load_file, save_file

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/model/testdata/peft")


def bases():
    torch.manual_seed(3)
    common = dict(vocab_size=16, hidden_size=8, intermediate_size=12, num_hidden_layers=2, num_attention_heads=2, num_key_value_heads=1,
                  head_dim=4, max_position_embeddings=32, bos_token_id=1, eos_token_id=2)
    out = {
        "llama": transformers.LlamaForCausalLM(transformers.LlamaConfig(tie_word_embeddings=False, **common)),
        "tied": transformers.Qwen2ForCausalLM(transformers.Qwen2Config(tie_word_embeddings=True, **common)),
        "gpt2": transformers.GPT2LMHeadModel(transformers.GPT2Config(vocab_size=16, n_embd=8, n_inner=12, n_layer=2, n_head=2, n_positions=32,
                                                                     bos_token_id=1, eos_token_id=2)),
    }
    for model in out.values():
        for p in model.parameters():
            p.data = torch.randn_like(p) * 0.5
        model.tie_weights()
    return out


Q = ["q_proj", "v_proj", "down_proj"]
ALL = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
KINDS = {
    "plain": ("llama", dict(r=3, lora_alpha=7.5, target_modules=Q)),
    "rslora": ("llama", dict(r=4, lora_alpha=6, use_rslora=True, lora_dropout=0.05, target_modules=Q)),
    "patterns": ("llama", dict(r=2, lora_alpha=4, target_modules=ALL,
                               rank_pattern={"q_proj": 3, r"model\.layers\.1\.mlp\..*": 1, "layers.0.self_attn.(k|o)_proj": 4, "up_proj": 5},
                               alpha_pattern={r".*\.1\.self_attn\.q_proj": 9, "down_proj": 0.5, "proj": 3})),
    "rs_patterns": ("llama", dict(r=2, lora_alpha=4, use_rslora=True, target_modules=Q, rank_pattern={"q_proj": 3}, alpha_pattern={"v_proj": 1})),
    "dora": ("llama", dict(r=2, lora_alpha=3, use_dora=True, target_modules=ALL)),
    "dora_tied": ("tied", dict(r=2, lora_alpha=3, use_dora=True, use_rslora=True, target_modules=["q_proj", "o_proj"])),
    "regex": ("llama", dict(r=2, lora_alpha=3, target_modules=r".*\.(0\.self_attn\.[qk]|1\.mlp\.up)_proj")),
    "layers": ("llama", dict(r=2, lora_alpha=3, target_modules=Q, layers_to_transform=[1], layers_pattern="layers")),
    "excluded": ("llama", dict(r=2, lora_alpha=3, target_modules=Q, exclude_modules=["layers.0.self_attn.q_proj"])),
    "all_linear": ("llama", dict(r=1, lora_alpha=2, target_modules="all-linear")),
    "tables": ("llama", dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "lm_head", "q_proj"])),
    "table_tied": ("tied", dict(r=2, lora_alpha=3, target_modules=["embed_tokens", "k_proj"])),
    "dora_table": ("llama", dict(r=2, lora_alpha=3, use_dora=True, target_modules=["embed_tokens", "lm_head"])),
    "gpt2": ("gpt2", dict(r=2, lora_alpha=3, target_modules=["c_attn", "c_proj", "c_fc"])),
    "gpt2_dora": ("gpt2", dict(r=2, lora_alpha=3, use_dora=True, target_modules=["c_attn", "attn.c_proj"])),
    "gpt2_table": ("gpt2", dict(r=2, lora_alpha=3, target_modules=["wte", "c_attn"])),
}


def state(model):
    return {k: v for k, v in peft.get_peft_model_state_dict(model, save_embedding_layers=False).items()}


def load(base_name, base_state, folder):
    model = bases()[base_name]
    model.load_state_dict(base_state, strict=True)
    return PeftModel.from_pretrained(model, folder)


def main():
    out = sys.argv[sys.argv.index("--out") + 1] if "--out" in sys.argv else OUT
    check = sys.argv[sys.argv.index("--check") + 1] if "--check" in sys.argv else None
    states = {n: m.state_dict() for n, m in bases().items()}
    if check:
        for name, (base, _) in KINDS.items():
            theirs = load(base, states[base], os.path.join(OUT, name))
            ours = load(base, states[base], os.path.join(check, name))
            a, b = state(theirs), state(ours)
            assert a.keys() == b.keys(), (name, a.keys() ^ b.keys())
            assert all(torch.equal(a[k], b[k]) for k in a), name
            ids = torch.tensor([[1, 5, 9, 3, 14]])
            with torch.no_grad():
                assert torch.equal(theirs(ids).logits, ours(ids).logits), name
            print(f"{name}: {len(a)} tensors and the logits are equal")
        return
    shutil.rmtree(out, ignore_errors=True)
    vectors = {"source": f"tools/parity/adapters.py with peft {peft.__version__}, transformers {transformers.__version__}, torch {torch.__version__}", "adapters": {}}
    for name, model in bases().items():
        model.save_pretrained(os.path.join(out, "base_" + name))
        os.remove(os.path.join(out, "base_" + name, "generation_config.json"))
    for name, (base, options) in KINDS.items():
        torch.manual_seed(11)
        model = bases()[base]
        model.load_state_dict(states[base])
        adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options))
        for key, p in adapted.named_parameters():
            if "lora_B" in key or "embedding_A" in key:
                p.data = torch.randn_like(p) * 0.3
            if "magnitude" in key:
                p.data = p.data * (1 + 0.2 * torch.rand_like(p))
        folder = os.path.join(out, name)
        adapted.save_pretrained(folder)
        os.remove(os.path.join(folder, "README.md"))
        scales = {}
        for key, module in adapted.base_model.model.named_modules():
            if hasattr(module, "scaling") and isinstance(module.scaling, dict):
                scales[key] = {"rank": module.r["default"], "scale": module.scaling["default"]}
        merged = adapted.merge_and_unload()
        tensors = {k: v.contiguous().clone() for k, v in merged.state_dict().items()}
        if "lm_head.weight" in tensors and "model.embed_tokens.weight" in tensors and base == "tied" and torch.equal(tensors["lm_head.weight"], tensors["model.embed_tokens.weight"]):
            del tensors["lm_head.weight"]
        if base == "gpt2":
            if torch.equal(tensors["lm_head.weight"], tensors["transformer.wte.weight"]):
                del tensors["lm_head.weight"]
        save_file(tensors, os.path.join(folder, "merged.safetensors"))
        vectors["adapters"][name] = {"base": "base_" + base, "modules": scales, "tied_head": "lm_head.weight" not in tensors}
    with open(os.path.join(out, "vectors.json"), "w") as f:
        json.dump(vectors, f, indent=1)
    size = sum(os.path.getsize(os.path.join(d, n)) for d, _, names in os.walk(out) for n in names)
    print(f"{len(KINDS)} adapters, {size} bytes")


main()
