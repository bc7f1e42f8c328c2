#!/usr/bin/env python3
"""A PyTorch fine-tuning step of the crammed BERT, to time `cram bench --fine-tune` against on the same GPU.

Sixteen layers of 768, pre-norm, GELU-gated, bfloat16 autocast over float32 weights, a tanh head of 1024 on the first token, dropout 0.1 on embeddings,
attention and both sublayers, an attention mask, fused AdamW over everything. Eager and compiled; CUDA events, median of 30 after warm-up.

  peer_finetune.py [--batch 16] [--length 128] [--compile]
"""
import argparse
import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F


class Layer(nn.Module):
    def __init__(self, d, heads, f, p):
        super().__init__()
        self.heads, self.p = heads, p
        self.norm1, self.norm2 = nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        self.qkv, self.out = nn.Linear(d, 3 * d, bias=False), nn.Linear(d, d, bias=False)
        self.ffn_in, self.ffn_out = nn.Linear(d, f, bias=False), nn.Linear(f // 2, d, bias=False)

    def forward(self, x, mask):
        b, s, d = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, s, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        p = self.p if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, mask, p).transpose(1, 2).reshape(b, s, d)
        x = x + F.dropout(self.out(mixed), p, self.training)
        value, gate = self.ffn_in(self.norm2(x)).chunk(2, -1)
        return x + F.dropout(self.ffn_out(F.gelu(gate) * value), p, self.training)


class Classifier(nn.Module):
    def __init__(self, vocabulary=32768, d=768, layers=16, heads=12, f=3072, s=128, width=1024, outputs=2, p=0.1):
        super().__init__()
        self.p, self.word = p, nn.Embedding(vocabulary, d, padding_idx=0)
        angle = torch.arange(s).float()[:, None] * torch.exp(torch.arange(0, d, 2).float() * (-math.log(10000.0) / d))
        self.register_buffer("table", torch.stack([angle.sin(), angle.cos()], -1).view(s, d), persistent=False)
        self.scale = nn.Parameter(torch.tensor([d ** -0.5]))
        self.first_norm, self.last_norm = nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        self.layers = nn.ModuleList(Layer(d, heads, f, p) for _ in range(layers))
        self.dense, self.classifier = nn.Linear(d, width), nn.Linear(width, outputs)
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, std=0.02)

    def forward(self, ids, mask, labels):
        x = F.dropout(self.first_norm(self.word(ids) + self.scale * self.table[: ids.shape[1]]), self.p, self.training)
        for layer in self.layers:
            x = layer(x, mask)
        hidden = F.dropout(torch.tanh(self.dense(self.last_norm(x)[:, 0])), self.p, self.training)
        return F.cross_entropy(self.classifier(hidden).float(), labels)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--compile", action="store_true")
    a = parser.parse_args()
    torch.manual_seed(0)
    torch.set_float32_matmul_precision("high")
    model = Classifier().cuda().train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-5, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.0, fused=True)
    run = torch.compile(model, dynamic=False) if a.compile else model
    ids = torch.randint(5, 32768, (a.batch, a.length), device="cuda")
    lengths = torch.randint(a.length // 4, a.length + 1, (a.batch,), device="cuda")
    lengths[0] = a.length
    mask = (torch.arange(a.length, device="cuda")[None] < lengths[:, None])[:, None, None, :]
    labels = torch.randint(0, 2, (a.batch,), device="cuda")

    def step():
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = run(ids, mask, labels)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)

    for _ in range(8):
        step()
    times = []
    for _ in range(30):
        first, last = torch.cuda.Event(True), torch.cuda.Event(True)
        first.record()
        step()
        last.record()
        torch.cuda.synchronize()
        times.append(first.elapsed_time(last))
    print(json.dumps(dict(peer="torch", mode="fine-tune", compiled=a.compile, batch=a.batch, length=a.length, step_ms=round(sorted(times)[15], 3))), flush=True)


if __name__ == "__main__":
    main()
