"""A random Llama-shaped model in Q8_0 as llama.cpp reads it, without a vocabulary.

    python random_gguf.py OUT.gguf VOCABULARY HIDDEN INNER LAYERS HEADS KV_HEADS TIED
"""
import sys

import gguf
import numpy as np

path = sys.argv[1]
vocabulary, hidden, inner, layers, heads, kv_heads, tied = map(int, sys.argv[2:])
random = np.random.default_rng(1)
writer = gguf.GGUFWriter(path, "llama")
writer.add_context_length(2048)
writer.add_embedding_length(hidden)
writer.add_block_count(layers)
writer.add_feed_forward_length(inner)
writer.add_head_count(heads)
writer.add_head_count_kv(kv_heads)
writer.add_rope_dimension_count(hidden // heads)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_vocab_size(vocabulary)
writer.add_file_type(gguf.LlamaFileType.MOSTLY_Q8_0)
writer.add_tokenizer_model("no_vocab")


def matrix(name, rows, columns):
    blocks = np.empty((rows, columns // 32, 34), np.uint8)
    blocks[..., 2:] = random.integers(0, 256, (rows, columns // 32, 32), np.uint8)
    blocks[..., :2] = np.frombuffer(np.float16(3e-4).tobytes(), np.uint8)
    writer.add_tensor(name, blocks.reshape(rows, -1), raw_dtype=gguf.GGMLQuantizationType.Q8_0)


def ones(name):
    writer.add_tensor(name, np.ones(hidden, np.float32))


matrix("token_embd.weight", vocabulary, hidden)
for i in range(layers):
    kv = hidden // heads * kv_heads
    ones(f"blk.{i}.attn_norm.weight")
    matrix(f"blk.{i}.attn_q.weight", hidden, hidden)
    matrix(f"blk.{i}.attn_k.weight", kv, hidden)
    matrix(f"blk.{i}.attn_v.weight", kv, hidden)
    matrix(f"blk.{i}.attn_output.weight", hidden, hidden)
    ones(f"blk.{i}.ffn_norm.weight")
    matrix(f"blk.{i}.ffn_gate.weight", inner, hidden)
    matrix(f"blk.{i}.ffn_up.weight", inner, hidden)
    matrix(f"blk.{i}.ffn_down.weight", hidden, inner)
ones("output_norm.weight")
if not tied:
    matrix("output.weight", vocabulary, hidden)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
