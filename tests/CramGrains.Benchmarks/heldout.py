#!/usr/bin/env python3
"""Held-out loss of exported models, in Hugging Face transformers: shows that an export predicts what the engine measured.

  cram study FILE --corpus TEXT --export-tokens rows.u16
  heldout.py --tokens rows.u16 [--row-order order.i64] [--rows 2048] [--seed 0] [--device cuda] EXPORT...

The rows are the first of the order, 15 % of their tokens masked: 80 % by [MASK], 10 % by a random token, 10 % left as they are. Float32; prints the mean cross-entropy in nats. Masks are this
program's own, so a last digit or two differ from what a study prints. A folder with a modelling file of ours runs it.
"""
import argparse

import numpy as np
import torch
import torch.nn.functional as F
from transformers import AutoModelForMaskedLM

MASK, FIRST_WORD = 4, 5  # [PAD] [UNK] [CLS] [SEP] [MASK] come first in our vocabularies


def held_out_loss(folder, rows, seed, device, batch=128):
    model = AutoModelForMaskedLM.from_pretrained(folder, trust_remote_code=True, dtype=torch.float32).to(device).eval()
    vocabulary = model.get_input_embeddings().weight.shape[0]
    generator = torch.Generator(device).manual_seed(seed)
    losses, weights = [], []
    with torch.no_grad():
        for start in range(0, len(rows), batch):
            ids = rows[start:start + batch].to(device)
            count = round(0.15 * ids.numel())
            flat = ids.reshape(-1).clone()
            positions = torch.randperm(flat.numel(), generator=generator, device=device)[:count]
            labels = flat[positions].clone()
            flat[positions[:int(0.8 * count)]] = MASK
            randomized = positions[int(0.8 * count):int(0.9 * count)]
            flat[randomized] = torch.randint(FIRST_WORD, vocabulary, (len(randomized),), generator=generator, device=device)
            logits = model(input_ids=flat.view_as(ids)).logits.view(-1, vocabulary)[positions].float()
            losses.append(F.cross_entropy(logits, labels).item())
            weights.append(count)
    return float(np.average(losses, weights=weights))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", required=True)
    parser.add_argument("--row-order")
    parser.add_argument("--rows", type=int, default=2048)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("exports", nargs="+", metavar="EXPORT")
    a = parser.parse_args()
    rows = np.fromfile(a.tokens, "<u2").reshape(-1, a.length)
    held = rows[np.fromfile(a.row_order, "<i8")[:a.rows]] if a.row_order else rows[:a.rows]
    held = torch.from_numpy(held.astype(np.int64))
    for folder in a.exports:
        print(f"{folder}: {held_out_loss(folder, held, a.seed, a.device):.4f} nats over {len(held)} rows", flush=True)


if __name__ == "__main__":
    main()
