"""Makes tests/goldens/architectures: one small model for each architecture option, with its loss, logits and gradients by PyTorch.

    python3 tests/goldens/scripts/make_architecture_goldens.py tests/goldens/architectures

Needs torch and safetensors; float32 on the CPU. The model below is written for this purpose alone: attention, norms, positions and gates are spelled out
rather than taken from library functions that an implementation under test may call too. An option that fails is reported and left out; exit code 1 then.

NAME.safetensors of an option holds weight.* and gradient.* (by state-dict name), ids [B, S], positions [M], labels [M], logits [M, V] and loss [1]; and
for a padded batch padded_ids [B, S], padded_mask [B, S], where there are segments padded_segments [B, S], and what comes out of the encoder, hidden
[B, S, D]. head-NAME.safetensors holds a fine-tuning head on such an encoder: outputs [B, C], target [B] and loss, with all gradients.
options.json says what each file is of.
"""

import argparse
import json
import math
import os
import traceback

import torch
from safetensors.torch import save_file
from torch import nn

VOCABULARY, LENGTH, FIRST_WORD = 48, 12, 5

# Every setting is written out, so that a changed default elsewhere does not change what a file is of.
CRAMMED = {
    "layers": 2, "hidden_size": 16, "heads": 2, "feed_forward_size": 32, "feed_forward": "gelu-gated", "norm_placement": "pre", "norm": "layer-norm",
    "norm_epsilon": 1e-6, "positions": "scaled-sinusoidal", "attention_bias": False, "feed_forward_bias": False, "embedding_norm": True,
    "final_norm": True, "tie_embeddings": True, "head_transform": False, "decoder_bias": False, "query_key_norm": False, "dropout": 0.0,
    "initialization": "normal", "initialization_std": 0.02, "zero_initialize_outputs": False, "first_attention_norm": True, "segment_types": 0,
}

OPTIONS = {
    "crammed": {},
    "post-norm": {"norm_placement": "post", "final_norm": False},
    "attention-biases": {"attention_bias": True},
    "feed-forward-biases": {"feed_forward_bias": True},
    "learned-positions": {"positions": "learned"},
    "sinusoidal-positions": {"positions": "sinusoidal"},
    "rotary-positions": {"positions": "rotary"},
    "gelu": {"feed_forward": "gelu"},
    "relu": {"feed_forward": "relu"},
    "swish-gated": {"feed_forward": "swish-gated"},
    "rms-norm": {"norm": "rms-norm"},
    "large-epsilon": {"norm_epsilon": 0.05},
    "untied": {"tie_embeddings": False},
    "head-transform": {"head_transform": True},
    "head-transform-with-biases": {"head_transform": True, "feed_forward_bias": True, "feed_forward": "relu", "decoder_bias": True},
    "decoder-bias": {"decoder_bias": True},
    "untied-with-bias": {"tie_embeddings": False, "decoder_bias": True, "head_transform": True, "feed_forward": "swish-gated"},
    "no-embedding-norm": {"embedding_norm": False},
    "no-final-norm": {"final_norm": False},
    "no-first-attention-norm": {"first_attention_norm": False},
    "query-key-norm": {"query_key_norm": True, "positions": "rotary", "norm_epsilon": 1e-3},
    "segments": {"segment_types": 2},
    "deep": {"layers": 3, "heads": 4},
    "dropout-in-evaluation": {"dropout": 0.1},
    "original-bert": {
        "feed_forward": "gelu", "norm_placement": "post", "final_norm": False, "positions": "learned", "attention_bias": True, "feed_forward_bias": True,
        "head_transform": True, "decoder_bias": True, "segment_types": 2, "norm_epsilon": 1e-12, "heads": 4,
    },
    "modern": {
        "feed_forward": "gelu-gated", "positions": "rotary", "first_attention_norm": False, "head_transform": True, "decoder_bias": True, "norm_epsilon": 1e-5,
    },
    "rms-post-norm": {"norm": "rms-norm", "norm_placement": "post", "final_norm": False, "attention_bias": True, "positions": "sinusoidal"},
}

HEADS = {
    "head-first-token": {"pooling": "first-token", "head_size": 8, "outputs": 3},
    "head-masked-mean": {"pooling": "masked-mean", "head_size": 8, "outputs": 3},
    "head-raw-mean": {"pooling": "raw-mean", "head_size": 8, "outputs": 2},
    "head-regression": {"pooling": "masked-mean", "head_size": 0, "outputs": 1},
}


class Norm(nn.Module):
    """LayerNorm or RMSNorm by its formula."""

    def __init__(self, o):
        super().__init__()
        self.centred, self.epsilon = o["norm"] == "layer-norm", o["norm_epsilon"]
        self.weight = nn.Parameter(torch.ones(o["hidden_size"]))
        if self.centred:
            self.bias = nn.Parameter(torch.zeros(o["hidden_size"]))

    def forward(self, x):
        if self.centred:
            x = x - x.mean(dim=-1, keepdim=True)
        x = x / torch.sqrt((x * x).mean(dim=-1, keepdim=True) + self.epsilon) * self.weight
        return x + self.bias if self.centred else x


def gelu(x):
    return 0.5 * x * (1 + torch.erf(x / math.sqrt(2)))


def swish(x):
    return x / (1 + torch.exp(-x))


def activation(o):
    return {"gelu": gelu, "gelu-gated": gelu, "relu": lambda x: x.clamp(min=0), "swish-gated": swish}[o["feed_forward"]]


def turn(x):
    """Rotary positions as complex numbers: the pair (i, i + K/2) at place s times exp(i s 10000^(-2i/K)). x is [B, H, S, K]."""
    s, k = x.shape[-2:]
    z = torch.complex(x[..., : k // 2].contiguous(), x[..., k // 2:].contiguous())  # [B, H, S, K/2]
    place = torch.arange(s, dtype=torch.float64)[:, None]
    angle = place * torch.tensor([10000.0 ** (-2.0 * i / k) for i in range(k // 2)], dtype=torch.float64)  # [S, K/2]
    z = z * torch.complex(angle.cos(), angle.sin()).to(torch.complex64)
    return torch.cat([z.real, z.imag], dim=-1)


def sinusoids(length, width):
    """Sine in the even columns, cosine in the odd ones, [S, D]."""
    rows = [[(math.sin if c % 2 == 0 else math.cos)(place / 10000.0 ** ((c - c % 2) / width)) for c in range(width)] for place in range(length)]
    return torch.tensor(rows, dtype=torch.float32)


class Layer(nn.Module):
    def __init__(self, o, first):
        super().__init__()
        d, f = o["hidden_size"], o["feed_forward_size"]
        self.o, self.gated = o, o["feed_forward"].endswith("-gated")
        if not (first and not o["first_attention_norm"]):
            self.norm1 = Norm(o)
        self.qkv = nn.Linear(d, 3 * d, bias=o["attention_bias"])
        self.out = nn.Linear(d, d, bias=o["attention_bias"])
        self.norm2 = Norm(o)
        self.ffn_in = nn.Linear(d, f, bias=o["feed_forward_bias"])
        self.ffn_out = nn.Linear(f // 2 if self.gated else f, d, bias=o["feed_forward_bias"])

    def attend(self, x, mask):
        b, s, d = x.shape
        h = self.o["heads"]
        k = d // h
        query, key, value = (part.view(b, s, h, k).transpose(1, 2) for part in self.qkv(x).split(d, dim=-1))  # [B, H, S, K] each
        if self.o["query_key_norm"]:
            query, key = (p / torch.sqrt((p * p).mean(dim=-1, keepdim=True) + self.o["norm_epsilon"]) for p in (query, key))
        if self.o["positions"] == "rotary":
            query, key = turn(query), turn(key)
        scores = query @ key.transpose(-1, -2) / math.sqrt(k)  # [B, H, S, S]
        if mask is not None:
            scores = scores.masked_fill(~mask[:, None, None, :], float("-inf"))
        scores = torch.exp(scores - scores.max(dim=-1, keepdim=True).values)
        mixed = (scores / scores.sum(dim=-1, keepdim=True)) @ value  # [B, H, S, K]
        return self.out(mixed.transpose(1, 2).reshape(b, s, d))

    def feed(self, x):
        x = self.ffn_in(x)
        if not self.gated:
            return self.ffn_out(activation(self.o)(x))
        half = x.shape[-1] // 2
        return self.ffn_out(x[..., :half] * activation(self.o)(x[..., half:]))

    def forward(self, x, mask):
        if self.o["norm_placement"] == "post":
            x = self.norm1(x + self.attend(x, mask))
            return self.norm2(x + self.feed(x))
        x = x + self.attend(self.norm1(x) if hasattr(self, "norm1") else x, mask)
        return x + self.feed(self.norm2(x))


class Transform(nn.Module):
    def __init__(self, o):
        super().__init__()
        self.act = activation(o)
        self.dense = nn.Linear(o["hidden_size"], o["hidden_size"], bias=o["feed_forward_bias"])
        self.norm = Norm(o)

    def forward(self, x):
        return self.norm(self.act(self.dense(x)))


class Decoder(nn.Module):
    def __init__(self, o):
        super().__init__()
        if not o["tie_embeddings"]:
            self.weight = nn.Parameter(torch.zeros(VOCABULARY, o["hidden_size"]))
        if o["decoder_bias"]:
            self.bias = nn.Parameter(torch.zeros(VOCABULARY))

    def forward(self, x, words):
        logits = x @ (self.weight if hasattr(self, "weight") else words).T
        return logits + self.bias if hasattr(self, "bias") else logits


class Bert(nn.Module):
    def __init__(self, o):
        super().__init__()
        d = o["hidden_size"]
        self.o = o
        self.word = nn.Embedding(VOCABULARY, d, padding_idx=0)
        if o["positions"] == "scaled-sinusoidal":
            self.pos_scale = nn.Parameter(torch.ones(1))
        if o["positions"] == "learned":
            self.positions = nn.Embedding(LENGTH, d)
        if o["segment_types"]:
            self.segments = nn.Embedding(o["segment_types"], d)
        if o["embedding_norm"]:
            self.emb_norm = Norm(o)
        self.layers = nn.ModuleList(Layer(o, i == 0) for i in range(o["layers"]))
        if o["final_norm"]:
            self.final_norm = Norm(o)
        if o["head_transform"]:
            self.head = Transform(o)
        self.decoder = Decoder(o)

    def encode(self, ids, mask=None, segments=None):
        s = ids.shape[1]
        x = self.word(ids)  # [B, S, D]
        if self.o["positions"] == "learned":
            x = x + self.positions.weight[:s]
        elif self.o["positions"] == "sinusoidal":
            x = x + sinusoids(s, x.shape[-1])
        elif self.o["positions"] == "scaled-sinusoidal":
            x = x + self.pos_scale * sinusoids(s, x.shape[-1])
        if self.o["segment_types"]:
            x = x + self.segments(torch.zeros_like(ids) if segments is None else segments)
        if hasattr(self, "emb_norm"):
            x = self.emb_norm(x)
        for layer in self.layers:
            x = layer(x, mask)
        return self.final_norm(x) if hasattr(self, "final_norm") else x

    def logits(self, ids, positions):
        x = self.encode(ids).reshape(-1, self.o["hidden_size"])[positions]  # [M, D]
        return self.decoder(self.head(x) if hasattr(self, "head") else x, self.word.weight)


class Head(nn.Module):
    def __init__(self, o, h):
        super().__init__()
        self.pooling = h["pooling"]
        if h["head_size"]:
            self.dense = nn.Linear(o["hidden_size"], h["head_size"])
        self.classifier = nn.Linear(h["head_size"] or o["hidden_size"], h["outputs"])

    def forward(self, hidden, mask):
        if self.pooling == "first-token":
            x = hidden[:, 0]
        elif self.pooling == "raw-mean":
            x = hidden.mean(dim=1)
        else:
            x = torch.stack([row[real].mean(dim=0) for row, real in zip(hidden, mask)])
        return self.classifier(torch.tanh(self.dense(x)) if hasattr(self, "dense") else x)


class Task(nn.Module):
    """An encoder under a head; the encoder's own names begin with bert."""

    def __init__(self, o, h):
        super().__init__()
        self.bert, self.head = Bert(o), Head(o, h)


def cross_entropy(logits, labels):
    return (torch.logsumexp(logits, dim=-1) - logits.gather(-1, labels[:, None])[:, 0]).mean()


def randomise(model, generator):
    """Values large enough that a mistake shows: no norm at one, no bias at zero."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            noise = torch.randn(p.shape, generator=generator)
            if p.dim() > 1:
                p.copy_(0.25 * noise)
            elif name.endswith("norm.weight") or "norm1.weight" in name or "norm2.weight" in name or name.endswith("pos_scale"):
                p.copy_(1 + 0.2 * noise)
            else:
                p.copy_(0.2 * noise)


def padded_batch(o, generator):
    ids = torch.randint(FIRST_WORD, VOCABULARY, (3, LENGTH), generator=generator)
    lengths = torch.tensor([LENGTH, 5, 8])
    mask = torch.arange(LENGTH)[None, :] < lengths[:, None]
    ids = ids * mask
    batch = {"padded_ids": ids, "padded_mask": mask}
    if o["segment_types"] > 1:
        batch["padded_segments"] = ((torch.arange(LENGTH)[None, :] >= lengths[:, None] // 2) & mask).long()
    return batch


def state(model):
    tensors = {}
    for name, p in model.named_parameters():
        tensors[f"weight.{name}"] = p.detach().clone().contiguous()
        if p.grad is not None:
            tensors[f"gradient.{name}"] = p.grad.detach().clone().contiguous()
    return tensors


def make_option(path, o, seed):
    generator = torch.Generator().manual_seed(seed)
    model = Bert(o).eval()
    randomise(model, generator)
    ids = torch.randint(FIRST_WORD, VOCABULARY, (3, LENGTH), generator=generator)
    positions = torch.randperm(ids.numel(), generator=generator)[:9]
    labels = ids.reshape(-1)[positions].clone()
    ids.view(-1)[positions[:7]] = 4
    logits = model.logits(ids, positions)
    loss = cross_entropy(logits, labels)
    loss.backward()
    batch = padded_batch(o, generator)
    with torch.no_grad():
        hidden = model.encode(batch["padded_ids"], batch["padded_mask"], batch.get("padded_segments"))
    missing = [name for name, p in model.named_parameters() if p.grad is None]
    assert not missing, f"no gradient reaches {missing}"
    save_file({
        **state(model), **batch, "ids": ids, "positions": positions, "labels": labels, "logits": logits.detach().contiguous(),
        "loss": loss.detach().view(1), "hidden": hidden.contiguous(),
    }, path)
    return loss.item()


def make_head(path, o, h, seed):
    generator = torch.Generator().manual_seed(seed)
    model = Task(o, h).eval()
    randomise(model, generator)
    batch = padded_batch(o, generator)
    outputs = model.head(model.bert.encode(batch["padded_ids"], batch["padded_mask"]), batch["padded_mask"])
    if h["outputs"] == 1:
        target = torch.tensor([0.5, 3.0, 4.5])
        loss = ((outputs[:, 0] - target) ** 2).mean()
    else:
        target = torch.arange(3) % h["outputs"]
        loss = cross_entropy(outputs, target)
    loss.backward()
    save_file({**state(model), **batch, "outputs": outputs.detach().contiguous(), "target": target, "loss": loss.detach().view(1)}, path)
    return loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder")
    folder = parser.parse_args().folder
    os.makedirs(folder, exist_ok=True)
    torch.manual_seed(0)  # what the constructors draw is overwritten
    made, failed = {}, []
    jobs = [(name, {**CRAMMED, **changes}, None) for name, changes in OPTIONS.items()]
    jobs += [(name, dict(CRAMMED), head) for name, head in HEADS.items()]
    for seed, (name, o, head) in enumerate(jobs, 1):
        path = os.path.join(folder, name + ".safetensors")
        try:
            loss = make_option(path, o, seed) if head is None else make_head(path, o, head, seed)
            made[name] = {"vocabulary": VOCABULARY, "length": LENGTH, "architecture": o, **({"head": head} if head else {})}
            print(f"{name}: loss {loss:.6f}, {os.path.getsize(path)} bytes", flush=True)
        except Exception:  # noqa: BLE001 - the others must still be made
            failed.append(name)
            if os.path.exists(path):
                os.remove(path)
            print(f"{name}: FAILED\n{traceback.format_exc()}", flush=True)
    with open(os.path.join(folder, "options.json"), "w", encoding="utf-8") as file:
        json.dump({"torch": torch.__version__, "options": made}, file, indent=1)
        file.write("\n")
    print(f"{len(made)} made, {len(failed)} failed {failed}, torch {torch.__version__}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
