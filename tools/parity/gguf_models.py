"""Tiny random folders of each family as transformers saves them, with tokenizers, for tools/parity/gguf.mjs.

python3 tools/parity/gguf_models.py OUT [BYTE_LEVEL_TOKENIZER_JSON]
"""
import json, os, shutil, sys
sys.path = [p for p in sys.path if p != os.path.dirname(os.path.abspath(__file__))]  # tokenizers.py is here
import torch, transformers as t
from tokenizers import Tokenizer, decoders, models, normalizers, trainers

out = sys.argv[1]
TEXT = open(__file__).read() + "The list is a function that returns the name of every café, and SELECT is not. " * 20


def sentence_pieces(folder):
    import sentencepiece as spm, io
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(TEXT.split("\n")), model_writer=model, model_type="bpe", vocab_size=420, byte_fallback=True,
                                   normalization_rule_name="identity", remove_extra_whitespaces=False, minloglevel=2)
    open(os.path.join(folder, "tokenizer.model"), "wb").write(model.getvalue())
    json.dump({"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "add_bos_token": True, "tokenizer_class": "LlamaTokenizer",
               "chat_template": "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}"}, open(os.path.join(folder, "tokenizer_config.json"), "w"))
    return 420


def byte_level(folder):
    shutil.copy(sys.argv[2], os.path.join(folder, "tokenizer.json"))
    data = json.load(open(sys.argv[2]))
    return 1 + max(max(data["model"]["vocab"].values()), max(a["id"] for a in data["added_tokens"]))


SHAPE = dict(hidden_size=64, intermediate_size=96, num_hidden_layers=6, num_attention_heads=4, num_key_value_heads=2, head_dim=16,
             max_position_embeddings=256, bos_token_id=1, eos_token_id=2)
FAMILIES = {
    "llama": (sentence_pieces, lambda v: t.LlamaForCausalLM(t.LlamaConfig(vocab_size=v, tie_word_embeddings=False, **SHAPE))),
    "llama3": (byte_level, lambda v: t.LlamaForCausalLM(t.LlamaConfig(vocab_size=v, tie_word_embeddings=True, rope_theta=500000.0, rope_scaling={
        "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 64}, **SHAPE))),
    "mistral": (sentence_pieces, lambda v: t.MistralForCausalLM(t.MistralConfig(vocab_size=v, sliding_window=128, **SHAPE))),
    "qwen2": (byte_level, lambda v: t.Qwen2ForCausalLM(t.Qwen2Config(vocab_size=v, tie_word_embeddings=True, **{k: x for k, x in SHAPE.items() if k != "head_dim"}))),
    "qwen3": (byte_level, lambda v: t.Qwen3ForCausalLM(t.Qwen3Config(vocab_size=v, tie_word_embeddings=True, **SHAPE))),
    "gemma2": (sentence_pieces, lambda v: t.Gemma2ForCausalLM(t.Gemma2Config(vocab_size=v, query_pre_attn_scalar=16, sliding_window=8, **SHAPE))),
    "gemma3": (sentence_pieces, lambda v: t.Gemma3ForCausalLM(t.Gemma3TextConfig(vocab_size=v, query_pre_attn_scalar=16, sliding_window=8, **SHAPE))),
    "gpt2": (byte_level, lambda v: t.GPT2LMHeadModel(t.GPT2Config(vocab_size=v, n_embd=64, n_inner=96, n_layer=4, n_head=4, n_positions=256, bos_token_id=1, eos_token_id=2))),
}
for name, (tokenizer, make) in FAMILIES.items():
    torch.manual_seed(5)
    folder = os.path.join(out, name)
    os.makedirs(folder, exist_ok=True)
    model = make(tokenizer(folder))
    for key, p in model.named_parameters():
        scale = 0.1 if p.dim() > 1 else 0.05
        p.data = torch.randn_like(p) * scale + (1.0 if p.dim() == 1 and "norm" in key and "gemma" not in name else 0.0)
        if "embed_tokens" in key or "wte" in key:
            p.data = torch.randn_like(p) * (0.1 if "gemma" in name else 0.5)
    model.tie_weights()
    model.save_pretrained(folder)
    print(name, sum(p.numel() for p in model.parameters()))
