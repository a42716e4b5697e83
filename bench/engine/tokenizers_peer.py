"""Hugging Face tokenizers over the same texts as engine_workload's part `tokenizer`, one text a call.

    python tokenizers_peer.py TEXT.jsonl TOKENIZER.json
"""
import json
import os
import sys
import time

os.environ["TOKENIZERS_PARALLELISM"] = "false"
from tokenizers import Tokenizer  # noqa: E402

tokenizer = Tokenizer.from_file(sys.argv[2])
with open(sys.argv[1], encoding="utf-8") as file:
    texts = [json.loads(line)["text"] for line in file]
size = sum(len(text.encode()) for text in texts)


def once():
    return sum(len(tokenizer.encode(text, add_special_tokens=False)) for text in texts)


tokens = once()
start, rounds = time.process_time(), 0
while time.process_time() - start < 1.0:
    once()
    rounds += 1
speed = size * rounds / (time.process_time() - start) / 1e6
print(json.dumps({"measure": "tokenizer, encode", "unit": "MB/s/core", "value": speed}))
print(json.dumps({"measure": "tokenizer, tokens of the text", "unit": "tokens", "value": tokens}))
