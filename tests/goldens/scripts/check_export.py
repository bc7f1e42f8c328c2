"""Opens exported folders with Hugging Face transformers and compares them with what CramGrains computed.

Make the folders (small models, a few hundred kB), then check them where torch, transformers 5, tokenizers and safetensors are:

    CRAM_EXPORT_FOLDERS=/tmp/exports dotnet run --project tests/CramGrains.Model.Tests -- -class "*HuggingFaceExportTests"
    python3 tests/goldens/scripts/check_export.py /tmp/exports/*

Each folder holds expected.safetensors (input_ids [B, S], logits [B, S, V]) and expected_tokens.json (texts with their ids without special tokens, and
pairs of texts with the ids of one input). One line per folder; exit code 1 when any differs.
"""

import json
import os
import sys
import traceback

import torch
import transformers
from safetensors.torch import load_file
from tokenizers import Tokenizer
from transformers import AutoModelForMaskedLM, AutoTokenizer

TOLERANCE = 1e-4


def check(folder):
    with open(os.path.join(folder, "config.json")) as file:
        own_code = "auto_map" in json.load(file)
    # Keys that the class does not know, or lacks, are errors here: from_pretrained only warns of them.
    model, info = AutoModelForMaskedLM.from_pretrained(
        folder, trust_remote_code=own_code, dtype=torch.float32, attn_implementation="eager", output_loading_info=True)
    problems = [f"{kind} {sorted(info[kind])}" for kind in ("missing_keys", "unexpected_keys", "mismatched_keys") if info.get(kind)]

    expected = load_file(os.path.join(folder, "expected.safetensors"))
    ids = expected["input_ids"]
    with torch.no_grad():
        logits = model.eval()(input_ids=ids, attention_mask=torch.ones_like(ids)).logits
    difference = (logits - expected["logits"]).abs().max().item()
    if not difference < TOLERANCE:
        problems.append(f"logits differ by {difference:.3g}")

    tokenizer = Tokenizer.from_file(os.path.join(folder, "tokenizer.json"))
    automatic = AutoTokenizer.from_pretrained(folder, trust_remote_code=own_code)
    with open(os.path.join(folder, "expected_tokens.json"), encoding="utf-8") as file:
        tokens = json.load(file)
    for entry in tokens["texts"]:
        for name, got in (
            ("tokenizers", tokenizer.encode(entry["text"], add_special_tokens=False).ids),
            ("AutoTokenizer", automatic(entry["text"], add_special_tokens=False)["input_ids"]),
        ):
            if got != entry["ids"]:
                problems.append(f"{name} of {entry['text']!r}: {got}, expected {entry['ids']}")
    for entry in tokens["pairs"]:
        got = automatic(entry["first"], entry["second"])["input_ids"]
        if got != entry["ids"]:
            problems.append(f"AutoTokenizer of the pair {entry['first']!r}, {entry['second']!r}: {got}, expected {entry['ids']}")

    name = os.path.basename(os.path.normpath(folder))
    largest = expected["logits"].abs().max().item()
    print(f"{name}: {type(model).__name__}, logits differ by {difference:.2e} (largest {largest:.2f}), "
          + f"{len(tokens['texts'])} texts and {len(tokens['pairs'])} pairs, "
          + ("OK" if not problems else "FAILED: " + "; ".join(problems)))
    return not problems


def check_or_say_why_not(folder):
    try:
        return check(folder)
    except Exception:  # noqa: BLE001 - the other folders are still to be checked
        print(f"{folder}: FAILED\n{traceback.format_exc()}")
        return False


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    print(f"transformers {transformers.__version__}, torch {torch.__version__}")
    sys.exit(0 if all([check_or_say_why_not(folder) for folder in sys.argv[1:]]) else 1)
