#!/usr/bin/env python3
"""Trains the recipe of studies/twin.json in PyTorch on the rows of a study: what `cram study` must agree with, within the spread of seeds.

  cram study FILE --corpus TEXT --export-tokens rows.u16
  peer_modern.py order --tokens rows.u16 --out order.i64 [--seed 0]
  peer_modern.py train --tokens rows.u16 --row-order order.i64 --budget 50Mtokens [--into EXPORT OUT] [--compile]
  cram study studies/twin.json --out twin --tokens rows.u16 --row-order order.i64 --vocabulary rows.u16.vocab.txt --budget 50Mtokens

Pre-norm blocks with gated GELU, rotary positions, norm of queries and keys without weights, outputs that start at zero; Muon on the matrices of the layers (query, key and value apart), AdamW on
the rest; masks that fall over the budget; a trapezoid. Written from the formulas, in plain PyTorch. --into puts the weights into a copy of an export of the same shape, so that `cram glue` and
heldout.py can score them. Compiling is outside of a budget in seconds. The last line is JSON: updates, tokens, held-out loss at 15 %.
"""
import argparse
import json
import math
import shutil
import time

import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F

MASK, FIRST_WORD = 4, 5
MATRICES = ("qkv", "out", "ffn_in", "ffn_out")


class Layer(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.heads = a.heads
        self.norm1, self.norm2 = nn.LayerNorm(a.hidden, eps=1e-12), nn.LayerNorm(a.hidden, eps=1e-12)
        self.qkv, self.out = nn.Linear(a.hidden, 3 * a.hidden, bias=False), nn.Linear(a.hidden, a.hidden, bias=False)
        self.ffn_in, self.ffn_out = nn.Linear(a.hidden, a.feed_forward, bias=False), nn.Linear(a.feed_forward // 2, a.hidden, bias=False)

    def attend(self, x, cosine, sine):
        b, s, h = x.shape
        q, k, v = self.qkv(x).view(b, s, 3, self.heads, h // self.heads).permute(2, 0, 3, 1, 4)  # [B, H, S, K] each
        q, k = (self.turn(t * torch.rsqrt(t.float().square().mean(-1, keepdim=True) + 1e-12), cosine, sine).to(v.dtype) for t in (q, k))
        if hasattr(F, "scaled_dot_product_attention"):
            mixed = F.scaled_dot_product_attention(q, k, v)
        else:  # PyTorch 1
            mixed = (q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1])).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(b, s, h))

    @staticmethod
    def turn(t, cosine, sine):
        first, second = t.chunk(2, -1)
        return t * cosine + torch.cat((-second, first), -1) * sine

    def forward(self, x, cosine, sine):
        x = x + self.attend(self.norm1(x), cosine, sine)
        value, gate = self.ffn_in(self.norm2(x)).chunk(2, -1)
        return x + self.ffn_out(F.gelu(gate) * value)


class Encoder(nn.Module):
    def __init__(self, a):
        super().__init__()
        self.word = nn.Embedding(a.vocabulary, a.hidden)
        self.emb_norm, self.final_norm = nn.LayerNorm(a.hidden, eps=1e-12), nn.LayerNorm(a.hidden, eps=1e-12)
        self.layers = nn.ModuleList(Layer(a) for _ in range(a.layers))
        size = a.hidden // a.heads
        angle = torch.outer(torch.arange(a.length).float(), 10000.0 ** (-torch.arange(0, size, 2).float() / size)).repeat(1, 2)
        self.register_buffer("cosine", angle.cos(), persistent=False)
        self.register_buffer("sine", angle.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.dim() > 1:
                nn.init.zeros_(weight) if name.endswith("out.weight") else nn.init.normal_(weight, std=0.02)

    def forward(self, ids, positions, labels):
        x = self.emb_norm(self.word(ids))
        for layer in self.layers:
            x = layer(x, self.cosine, self.sine)
        chosen = self.final_norm(x).flatten(0, 1)[positions]
        return F.cross_entropy(F.linear(chosen, self.word.weight).float(), labels, ignore_index=-100)


def masked(ids, fraction, room, generator, vocabulary):
    """Ids with a fraction of all positions masked, those positions, and their labels; as many positions as the largest fraction needs, the rest without labels."""
    flat = ids.reshape(-1).clone()
    count = round(fraction * flat.numel())
    positions = torch.randperm(flat.numel(), generator=generator, device=ids.device)[:round(room * flat.numel())]
    labels = flat[positions].clone()
    labels[count:] = -100
    hidden, other = int(0.8 * count), int(0.9 * count)
    flat[positions[:hidden]] = MASK
    flat[positions[hidden:other]] = torch.randint(FIRST_WORD, vocabulary, (other - hidden,), generator=generator, device=ids.device)
    return flat.view_as(ids), positions, labels


def orthogonal(matrices):
    """Five Newton-Schulz steps of each matrix of a stack, in bfloat16 on a GPU."""
    x = matrices / (matrices.norm(dim=(-2, -1), keepdim=True) + 1e-7)
    x = x.bfloat16() if x.is_cuda else x
    tall = x.shape[-2] > x.shape[-1]
    x = x.transpose(-1, -2) if tall else x
    for _ in range(5):
        gram = x @ x.transpose(-1, -2)
        x = 3.4445 * x + (-4.7750 * gram + 2.0315 * gram @ gram) @ x
    return (x.transpose(-1, -2) if tall else x).float()


class Muon:
    def __init__(self, groups, decay):
        self.groups, self.decay = groups, decay  # (matrices, parts) each
        self.momentum = [torch.zeros(len(matrices), *matrices[0].shape, device=matrices[0].device) for matrices, _ in groups]

    @torch.no_grad()
    def step(self, rate, keep=0.95):
        for (matrices, parts), momentum in zip(self.groups, self.momentum):
            gradient = torch.stack([m.grad for m in matrices])
            momentum.lerp_(gradient, 1 - keep)
            update = gradient.lerp(momentum, keep)
            rows, columns = update.shape[1] // parts, update.shape[2]
            update = orthogonal(update.view(-1, rows, columns)).view(update.shape)
            for matrix, step in zip(matrices, update):
                matrix.mul_(1 - rate * self.decay).sub_(step, alpha=rate * max(1, rows / columns) ** 0.5)


def train(a):
    device = torch.device(a.device)
    torch.manual_seed(a.seed)
    rows = torch.from_numpy(np.fromfile(a.tokens, "<u2").reshape(-1, a.length).astype(np.int64)[np.fromfile(a.row_order, "<i8")])
    held, rows = rows[:a.held_out].to(device), rows[a.held_out:].to(device)
    model = Encoder(a).to(device)
    run = torch.compile(model, dynamic=False, fullgraph=True) if a.compile else model
    groups = [([getattr(layer, kind).weight for layer in model.layers], 3 if kind == "qkv" else 1) for kind in MATRICES]
    hidden = {id(weight) for matrices, _ in groups for weight in matrices}
    rest = [p for p in model.parameters() if id(p) not in hidden]
    adam = torch.optim.AdamW(
        [{"params": [p for p in rest if p.dim() > 1], "weight_decay": 0.01}, {"params": [p for p in rest if p.dim() == 1], "weight_decay": 0.0}], betas=(0.9, 0.98), eps=1e-12)
    muon, generator, room = Muon(groups, 0.01), torch.Generator(device).manual_seed(a.seed), max(a.masks)

    def loss(ids, fraction, masks):
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            return run(*masked(ids, fraction, room, masks, a.vocabulary))

    @torch.no_grad()
    def held_out():
        masks = torch.Generator(device).manual_seed(0)
        return float(np.mean([loss(ids, 0.15, masks).item() for ids in held.split(a.microbatch)]))

    unit = next(u for u in ("Mtokens", "ktokens", "tokens", "s") if a.budget.endswith(u))
    budget = float(a.budget[:-len(unit)]) * {"Mtokens": 1e6, "ktokens": 1e3}.get(unit, 1)
    accumulate, row, used, updates, tokens = a.batch // a.microbatch, 0, 0.0, 0, 0
    loss(rows[:a.microbatch], a.masks[0], generator).backward()  # compiles
    held_out()
    model.zero_grad(set_to_none=True)
    start = time.time()
    while used < budget:
        done = used / budget
        factor = min(1, done / a.warmup if a.warmup > 0 else 1, (1 - done) / a.cooldown)
        for _ in range(accumulate):
            if row + a.microbatch > len(rows):
                rows, row = rows[torch.randperm(len(rows), device=device)], 0
            (loss(rows[row:row + a.microbatch], a.masks[0] + (a.masks[1] - a.masks[0]) * done, generator) / accumulate).backward()
            row += a.microbatch
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        for group in adam.param_groups:
            group["lr"] = a.rate * factor
        adam.step()
        muon.step(a.muon_rate * factor)
        model.zero_grad(set_to_none=True)  # all gradients, not only those that AdamW knows
        updates, tokens = updates + 1, tokens + a.batch * a.length
        if device.type == "cuda" and updates % 20 == 0:
            torch.cuda.synchronize()
        used = time.time() - start if unit == "s" else tokens
    print(json.dumps({"seed": a.seed, "updates": updates, "tokens": tokens, "seconds": round(time.time() - start, 1), "held_out_nats": round(held_out(), 4)}), flush=True)
    if a.into:
        put(model, *a.into)


def put(model, export, out):
    """Copies an export and replaces its weights, matching names by their ends; every weight must be met exactly once."""
    from safetensors.torch import load_file, save_file
    wanted, mine, made = load_file(f"{export}/model.safetensors"), dict(model.state_dict()), {}
    for name, weight in wanted.items():
        match = next((n for n in mine if name == n or name.endswith("." + n)), None)
        if match is None or mine[match].shape != weight.shape:
            raise SystemExit(f"{export} has {name} {tuple(weight.shape)}, which this program lacks. Export a run of the same shape.")
        made[name] = mine.pop(match).float().cpu().contiguous()
    if mine:
        raise SystemExit(f"{export} has no {', '.join(mine)}. Export a run of the same shape.")
    shutil.copytree(export, out, dirs_exist_ok=True)
    save_file(made, f"{out}/model.safetensors", metadata={"format": "pt"})


def order(a):
    rows = len(np.fromfile(a.tokens, "<u2")) // a.length
    split = np.random.default_rng(1).permutation(rows)
    training = split[a.held_out:]
    np.concatenate([split[:a.held_out], training[np.random.default_rng(a.seed + 7).permutation(len(training))]]).astype("<i8").tofile(a.out)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb in (verbs.add_parser("order"), verbs.add_parser("train")):
        verb.add_argument("--tokens", required=True)
        verb.add_argument("--length", type=int, default=128)
        verb.add_argument("--held-out", type=int, default=2048)
        verb.add_argument("--seed", type=int, default=0)
    verbs.choices["order"].add_argument("--out", required=True)
    t = verbs.choices["train"]
    t.add_argument("--row-order", required=True)
    t.add_argument("--budget", required=True, help="120s, 50Mtokens, 50900ktokens or 819200tokens")
    t.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    t.add_argument("--compile", action="store_true")
    t.add_argument("--into", nargs=2, metavar=("EXPORT", "OUT"))
    for name, value in (("layers", 16), ("hidden", 768), ("heads", 12), ("feed-forward", 3072), ("vocabulary", 32768), ("batch", 512), ("microbatch", 256)):
        t.add_argument(f"--{name}", type=int, default=value)
    for name, value in (("rate", 1e-3), ("muon-rate", 0.02), ("warmup", 0.02), ("cooldown", 0.5)):
        t.add_argument(f"--{name}", type=float, default=value)
    t.add_argument("--masks", type=float, nargs=2, default=(0.30, 0.15), help="fractions at the start and at the end")
    a = parser.parse_args()
    order(a) if a.verb == "order" else train(a)


if __name__ == "__main__":
    main()
