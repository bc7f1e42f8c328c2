#!/usr/bin/env python3
"""Repeats `cram bench --curve STEPS --export DIR` in PyTorch: the same weights, tokens, masks and learning rates; and compares curves.

  peer_curve.py train DIR [--precision bf16|tf32] > peer.jsonl     one JSON object a step, the loss before the step
  peer_curve.py compare A.jsonl B.jsonl ...                        each curve against the first: difference of the means of blocks of 25 steps
"""
import argparse
import json
import math
import os

try:
    import torch
    import torch.nn as nn
    import torch.nn.functional as F
    from peer_finetune import Layer
except ImportError:  # comparing needs no torch
    torch = None


def model_of(c):
    class Encoder(nn.Module):
        def __init__(self):
            super().__init__()
            d, s = c["hidden"], c["sequence"]
            self.word = nn.Embedding(c["vocabulary"], d, padding_idx=0)
            angle = torch.arange(s).float()[:, None] * torch.exp(torch.arange(0, d, 2).float() * (-math.log(10000.0) / d))
            self.register_buffer("table", torch.stack([angle.sin(), angle.cos()], -1).view(s, d), persistent=False)
            self.pos_scale = nn.Parameter(torch.zeros(1))
            self.emb_norm, self.final_norm = nn.LayerNorm(d, eps=c["epsilon"]), nn.LayerNorm(d, eps=c["epsilon"])
            self.layers = nn.ModuleList(Layer(d, c["heads"], c["feed_forward"], 0.0) for _ in range(c["layers"]))

        def forward(self, ids, positions, labels):
            x = self.emb_norm(self.word(ids) + self.pos_scale * self.table)
            for layer in self.layers:
                x = layer(x, None)
            x = self.final_norm(x).view(-1, x.shape[-1])[positions]
            return F.cross_entropy(F.linear(x, self.word.weight).float(), labels)

    return Encoder()


def train(folder, precision):
    import numpy as np
    from safetensors.torch import load_file

    c = json.load(open(os.path.join(folder, "curve.json")))
    torch.set_float32_matmul_precision("high")
    model = model_of(c)
    missing, unknown = model.load_state_dict(load_file(os.path.join(folder, "weights.safetensors")), strict=False)
    assert not missing and not unknown, (missing, unknown)
    for layer in model.layers:
        layer.norm1.eps = layer.norm2.eps = c["epsilon"]
    model = model.cuda().train()
    groups = [dict(params=[p for p in model.parameters() if p.dim() > 1], weight_decay=c["decay"]),
              dict(params=[p for p in model.parameters() if p.dim() <= 1], weight_decay=0.0)]
    optimizer = torch.optim.AdamW(groups, lr=1.0, betas=(c["beta1"], c["beta2"]), eps=c["adam_epsilon"], fused=True)
    tokens, masked = c["rows"] * c["sequence"], c["masked"]
    batches = np.memmap(os.path.join(folder, "batches.i32"), dtype="<i4", mode="r").reshape(c["steps"], tokens + 2 * masked)
    losses = []
    for step, rate in enumerate(c["learning_rates"]):
        batch = torch.from_numpy(batches[step].astype("int64")).cuda()
        for group in optimizer.param_groups:
            group["lr"] = rate
        with torch.autocast("cuda", dtype=torch.bfloat16, enabled=precision == "bf16"):
            loss = model(batch[:tokens].view(c["rows"], -1), batch[tokens: tokens + masked], batch[tokens + masked:])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), c["clip"])
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        losses.append(loss.detach())
    for step, loss in enumerate(torch.stack(losses).tolist()):
        print(json.dumps(dict(engine="torch", precision=precision, step=step, loss=loss)))


def compare(paths, block=25):
    curves = {}
    for path in paths:
        for line in open(path):
            if line.startswith("{"):
                row = json.loads(line)
                curves.setdefault(f'{row["engine"]} {row["precision"]}', []).append(row["loss"])
    names = list(curves)
    if not names:
        print("no curves")
        return
    steps = min(map(len, curves.values()))
    print("steps      " + "  ".join(f"{n:>16}" for n in names))
    for a in range(0, steps, block):
        print(f"{a:>4}..{min(a + block, steps) - 1:<4} " + "  ".join(f"{sum(curves[n][a:a + block]) / len(curves[n][a:a + block]):16.4f}" for n in names))
    first = curves[names[0]]
    for n in names[1:]:
        apart = [b - a for a, b in zip(first[:steps], curves[n][:steps])]
        last = apart[-100:]
        print(f"{n} - {names[0]}: mean over the last {len(last)} steps {sum(last) / len(last):+.4f}, mean magnitude {sum(map(abs, last)) / len(last):.4f}, largest of all {max(map(abs, apart)):.4f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("what", choices=["train", "compare"])
    parser.add_argument("paths", nargs="+")
    parser.add_argument("--precision", default="bf16", choices=["bf16", "tf32"])
    a = parser.parse_args()
    train(a.paths[0], a.precision) if a.what == "train" else compare(a.paths)
