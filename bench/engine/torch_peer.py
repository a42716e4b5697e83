"""Training of the 6.6M Llama shape in plain torch, one thread, as engine_workload's part `training`:
AdamW, fp32, 8 rows of 256 tokens, all tokens in the loss, gradients clipped to norm 1.

    python torch_peer.py
"""
import json
import math
import time

import torch
import torch.nn.functional as F
from torch import nn

torch.set_num_threads(1)
torch.manual_seed(1)
VOCABULARY, HIDDEN, INNER, LAYERS, HEADS = 4096, 256, 640, 6, 4
ROWS, TOKENS, RANK, ALPHA = 8, 256, 16, 32.0


class Linear(nn.Linear):
    def __init__(self, size, out):
        super().__init__(size, out, bias=False)
        nn.init.normal_(self.weight, std=0.02)
        self.a = self.b = None

    def adapt(self):
        self.a = nn.Parameter(torch.empty(RANK, self.in_features))
        nn.init.kaiming_uniform_(self.a, a=math.sqrt(5))
        self.b = nn.Parameter(torch.zeros(self.out_features, RANK))

    def forward(self, x):
        y = F.linear(x, self.weight)
        if self.a is None:
            return y
        return y + F.linear(F.linear(x, self.a), self.b) * (ALPHA / RANK)


class Norm(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(HIDDEN))

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-5) * self.weight


def turn(x, cosine, sine):
    half = x.shape[-1] // 2
    rotated = torch.cat((-x[..., half:], x[..., :half]), -1)
    return x * cosine + rotated * sine


class Layer(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = Norm(), Norm()
        self.q, self.k, self.v, self.o = (Linear(HIDDEN, HIDDEN) for _ in range(4))
        self.gate, self.up, self.down = Linear(HIDDEN, INNER), Linear(HIDDEN, INNER), Linear(INNER, HIDDEN)

    def forward(self, x, cosine, sine, mask):
        h = self.norm1(x)
        heads = lambda y: y.view(ROWS, TOKENS, HEADS, -1).transpose(1, 2)
        q, k, v = turn(heads(self.q(h)), cosine, sine), turn(heads(self.k(h)), cosine, sine), heads(self.v(h))
        if hasattr(F, "scaled_dot_product_attention"):
            mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        else:
            mixed = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]) + mask, -1) @ v
        x = x + self.o(mixed.transpose(1, 2).reshape(ROWS, TOKENS, HIDDEN))
        h = self.norm2(x)
        return x + self.down(F.silu(self.gate(h)) * self.up(h))


class Llama(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(VOCABULARY, HIDDEN)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.norm = Norm()
        self.head = Linear(HIDDEN, VOCABULARY)
        size = HIDDEN // HEADS
        angle = torch.outer(torch.arange(TOKENS), 10000.0 ** (-torch.arange(0, size, 2) / size))
        self.cosine, self.sine = torch.cat((angle, angle), -1).cos(), torch.cat((angle, angle), -1).sin()
        self.mask = torch.full((TOKENS, TOKENS), float("-inf")).triu(1)

    def forward(self, tokens):
        x = self.embedding(tokens)
        for layer in self.layers:
            x = layer(x, self.cosine, self.sine, self.mask)
        return self.head(self.norm(x))


def measure(name, model):
    tokens = torch.randint(VOCABULARY, (ROWS, TOKENS))
    parameters = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(parameters, lr=1e-4, betas=(0.9, 0.95), weight_decay=0.0)

    def step():
        optimizer.zero_grad()
        logits = model(tokens)
        F.cross_entropy(logits[:, :-1].reshape(-1, VOCABULARY), tokens[:, 1:].reshape(-1)).backward()
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        optimizer.step()

    step()
    start, steps = time.process_time(), 0
    while time.process_time() - start < 4.0:
        step()
        steps += 1
    speed = steps * ROWS * TOKENS / (time.process_time() - start)
    print(json.dumps({"measure": name, "unit": "tokens/CPU-s", "value": speed}), flush=True)


measure("full training, 6.6M", Llama())
model = Llama()
for parameter in model.parameters():
    parameter.requires_grad = False
for layer in model.layers:
    for module in layer.children():
        if isinstance(module, Linear):
            module.adapt()
measure("LoRA training, 6.6M, rank 16", model)
print(json.dumps({"measure": "torch", "unit": torch.__version__, "value": 0}))
