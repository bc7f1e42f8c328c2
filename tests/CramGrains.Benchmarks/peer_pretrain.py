#!/usr/bin/env python3
"""A PyTorch pretraining step of the crammed BERT, to time `cram bench` against on the same GPU.

Sixteen layers of 768, pre-norm, GELU-gated, scaled sinusoidal positions, tied decoder on a quarter of the positions; bfloat16 autocast over float32 weights,
fused AdamW after clipping. Eager or compiled; CUDA events, medians after warm-up.

  peer_pretrain.py [--microbatch 128 512] [--compile] [--samples 30]
"""
import argparse
import json
import math

import torch
import torch.nn as nn
import torch.nn.functional as F

from peer_finetune import Layer


class Encoder(nn.Module):
    def __init__(self, vocabulary=32768, d=768, layers=16, heads=12, f=3072, s=128):
        super().__init__()
        self.word = nn.Embedding(vocabulary, d, padding_idx=0)
        angle = torch.arange(s).float()[:, None] * torch.exp(torch.arange(0, d, 2).float() * (-math.log(10000.0) / d))
        self.register_buffer("table", torch.stack([angle.sin(), angle.cos()], -1).view(s, d), persistent=False)
        self.scale = nn.Parameter(torch.tensor([d ** -0.5]))
        self.first_norm, self.last_norm = nn.LayerNorm(d, eps=1e-12), nn.LayerNorm(d, eps=1e-12)
        self.layers = nn.ModuleList(Layer(d, heads, f, 0.0) for _ in range(layers))
        for m in self.modules():
            if isinstance(m, (nn.Linear, nn.Embedding)):
                nn.init.normal_(m.weight, std=0.02)

    def forward(self, ids, positions, labels):
        x = self.first_norm(self.word(ids) + self.scale * self.table)
        for layer in self.layers:
            x = layer(x, None)
        x = self.last_norm(x).view(-1, x.shape[-1])[positions]
        return F.cross_entropy(F.linear(x, self.word.weight).float(), labels)


def median(work, samples):
    for _ in range(4):
        work()
    times = []
    for _ in range(samples):
        first, last = torch.cuda.Event(True), torch.cuda.Event(True)
        first.record()
        work()
        last.record()
        torch.cuda.synchronize()
        times.append(first.elapsed_time(last))
    return sorted(times)[samples // 2]


def measure(microbatch, compiled, samples):
    torch.manual_seed(0)
    model = Encoder().cuda().train()
    run = torch.compile(model, dynamic=False, fullgraph=True) if compiled else model
    groups = [dict(params=[p for p in model.parameters() if p.dim() > 1], weight_decay=0.01),
              dict(params=[p for p in model.parameters() if p.dim() <= 1], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=1e-3, betas=(0.9, 0.98), eps=1e-12, fused=True)
    ids = torch.randint(5, 32768, (microbatch, 128), device="cuda")
    positions = torch.randperm(ids.numel(), device="cuda")[: ids.numel() // 4]
    labels = ids.flatten()[positions]

    def passes():
        with torch.autocast("cuda", dtype=torch.bfloat16):
            loss = run(ids, positions, labels)
        loss.backward()

    def step():
        torch.nn.utils.clip_grad_norm_(model.parameters(), 0.5)
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)

    milliseconds, step_milliseconds = median(passes, samples), median(step, samples)
    return dict(
        peer="torch", torch=torch.__version__, gpu=torch.cuda.get_device_name(), compiled=compiled, microbatch=microbatch, forward_backward_ms=round(milliseconds, 3),
        tokens_per_second=round(microbatch * 128e3 / milliseconds), optimizer_ms=round(step_milliseconds, 3), peak_bytes=torch.cuda.max_memory_allocated())


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--microbatch", type=int, nargs="+", default=[128])
    parser.add_argument("--compile", action="store_true")
    parser.add_argument("--samples", type=int, default=30)
    a = parser.parse_args()
    torch.set_float32_matmul_precision("high")
    for size in a.microbatch:
        torch.cuda.reset_peak_memory_stats()
        torch._dynamo.reset()
        print(json.dumps(measure(size, a.compile, a.samples)), flush=True)
