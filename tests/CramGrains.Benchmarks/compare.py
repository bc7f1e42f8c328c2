#!/usr/bin/env python3
"""Times CramGrains and PyTorch in turn on one GPU and prints their ratios.

  compare.py --silo PATH/CramGrains.Silo [--recipe recipes/crammed-bert-24h.json] [--cache DIR] [--out DIR] [--samples 20] [--quick]

Needs python3 with torch for the peer, and CRAM_LIBTORCH where the program has no libtorch of its own. Every program runs alone and ends before the next begins.
--out keeps each program's output, table.md and compare.json; a step that fails is named in the table, not left out. --quick times one size each and no loop.
--peer takes another PyTorch program in place of peer_pretrain.py: it is called with "bench --compile --mbs N" and prints mbs, fwd_bwd_ms, tokens_per_s, optimizer_ms, peak_gib.
"""
import argparse
import json
import os
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
REFERENCE_FINE_TUNING_MS = 54.3  # the reference's code on an H100, batch 16 x 128, eager, fp16; measured once, not by this script
FIRST_PROCESS = "first optimizer step, from the process's start"


class Bench:
    def __init__(self, options):
        self.options, self.failures, self.seconds = options, [], {}
        os.makedirs(options.out, exist_ok=True)

    def run(self, name, command, limit):
        """The JSON objects that a program prints, one a line; none when it fails."""
        started = time.monotonic()
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=limit)
            output, errors, code = done.stdout, done.stderr, done.returncode
        except subprocess.TimeoutExpired as expired:
            output, errors, code = str(expired.stdout or ""), f"not done after {limit} s", -1
        except OSError as error:
            output, errors, code = "", str(error), -1
        self.seconds[name] = time.monotonic() - started
        with open(os.path.join(self.options.out, name + ".txt"), "w") as file:
            file.write(f"$ {' '.join(command)}\n{output}\n{errors}")
        if code != 0:
            self.failures.append(f"{name}: exit code {code}: {(errors.strip().splitlines() or ['nothing said'])[-1]}")
        return [json.loads(line) for line in output.splitlines() if line.startswith("{")]

    def ours(self, name, *arguments, cache=None, limit=180):
        return self.run(name, [self.options.silo, "bench", self.options.recipe, "--cache", cache or self.options.cache, "--json", "--engine", "fused", *map(str, arguments)], limit)

    def peer(self, name, script, *arguments, limit=240):
        return self.run(name, [sys.executable, os.path.join(HERE, script), *map(str, arguments)], limit)


def at(rows, microbatch):
    return next((row for row in rows if row["microbatch"] == microbatch), None)


def best(rows):
    return max(rows, key=lambda row: row["tokens_per_second"], default=None)


def ratio(ours, theirs, key="tokens_per_second"):
    return ours[key] / theirs[key] if ours and theirs else None


def pretrain_peer(bench, sizes):
    if not bench.options.peer:
        return bench.peer("peer", "peer_pretrain.py", "--compile", "--microbatch", *sizes)
    rows = []
    for size in sizes:
        for row in bench.run(f"peer-{size}", [sys.executable, bench.options.peer, "bench", "--compile", "--mbs", str(size)], 180):
            rows.append(dict(row, microbatch=row["mbs"], tokens_per_second=row["tokens_per_s"], forward_backward_ms=row["fwd_bwd_ms"], peak_bytes=row["peak_gib"] * 2**30))
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--silo", default=os.environ.get("CRAM_SILO"))
    parser.add_argument("--recipe", default=os.path.join(HERE, "..", "..", "recipes", "crammed-bert-24h.json"))
    parser.add_argument("--cache", default=None)
    parser.add_argument("--out", default="compare")
    parser.add_argument("--samples", type=int, default=20)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peer")
    options = parser.parse_args()
    if not options.silo or not os.path.exists(options.silo):
        parser.error("--silo (or CRAM_SILO) must name the program CramGrains.Silo; 'dotnet publish src/CramGrains.Silo -c Release' makes it")
    cold = tempfile.mkdtemp(prefix="cram-cold-")
    options.cache = options.cache or tempfile.mkdtemp(prefix="cram-kernels-")
    bench, samples = Bench(options), ["--samples", options.samples]
    sizes, small = ([128], 128) if options.quick else ([128, 256, 512], 128)

    # The loop first, with nothing compiled yet: it tells when the first step of a new machine ends; its second run tells it of every later start.
    cold_loop = bench.ours("loop-cold", "--loop", 3, "--microbatch", small, *samples, cache=cold)
    loop = bench.ours("loop", "--loop", 3 if options.quick else 20, "--microbatch", small, *samples, cache=cold)
    bf16 = bench.ours("bf16", "--microbatch", *sizes, *samples)
    peer = pretrain_peer(bench, sizes if options.quick else [128, 512])
    fp8 = bench.ours("fp8", "--microbatch", *(sizes if options.quick else [512, 1024]), *samples, "--set", "training.precision=float8")
    fp16 = bench.ours("fp16", "--microbatch", sizes[-1], *samples, "--set", "training.precision=float16")
    tuning = bench.ours("fine-tune", "--fine-tune", 128, "--samples", max(30, options.samples))
    tuning_eager = bench.peer("peer-fine-tune", "peer_finetune.py", "--length", 128)
    tuning_compiled = [] if options.quick else bench.peer("peer-fine-tune-compiled", "peer_finetune.py", "--length", 128, "--compile")

    first = lambda rows: rows[0] if rows else None
    ours_tuning = first(tuning)
    wide, wide_peer = at(bf16, 512), at(peer, 512)
    rows = [
        ("bf16 forward + backward, best of each", ratio(best(bf16), best(peer)), "x", 1.20, 1.32, False),
        ("bf16 at microbatch 128", ratio(at(bf16, 128), at(peer, 128)), "x", 1.35, 1.5, False),
        ("FP8 products, best of each", ratio(best(fp8), best(peer)), "x", 1.45, 1.7, False),
        ("optimizer step with clipping", first(bf16) and first(bf16)["optimizer_ms"], "ms", 2.0, 1.4, True),
        ("whole loop against the passes alone", first(loop) and 100 * first(loop)["fraction"], "%", 97, 99, False),
        (f"fine-tuning step, against {REFERENCE_FINE_TUNING_MS} ms of the reference", ours_tuning and REFERENCE_FINE_TUNING_MS / ours_tuning["step_ms"], "x", 5, 10, False),
        ("fine-tuning step, against the eager peer", ours_tuning and tuning_eager and tuning_eager[0]["step_ms"] / ours_tuning["step_ms"], "x", None, None, False),
        ("fine-tuning step, against the compiled peer", ours_tuning and tuning_compiled and tuning_compiled[0]["step_ms"] / ours_tuning["step_ms"], "x", None, None, False),
        (FIRST_PROCESS + ", nothing compiled", first(cold_loop) and first(cold_loop)["first_step_seconds"], "s", 15, 8, True),
        (FIRST_PROCESS + ", kernels kept", first(loop) and first(loop)["first_step_seconds"], "s", 15, 8, True),
        ("memory at microbatch 512, against the peer's", wide and wide_peer and wide["peak_bytes"] / wide_peer["peak_bytes"], "x", 1.0, 0.5, True),
        ("float16 against bfloat16 at the same microbatch", ratio(first(fp16), at(bf16, sizes[-1])), "x", None, None, False),
    ]
    lines = ["| | measured | at least | aim |", "| --- | --- | --- | --- |"]
    for name, value, unit, least, aim, below in rows:
        met = "" if value is None or least is None else " (aim met)" if (value <= aim if below else value >= aim) else " (met)" if (value <= least if below else value >= least) else " (NOT met)"
        lines.append(f"| {name} | {'not measured' if not value else f'{value:.2f} {unit}'}{met} | {'' if least is None else f'{least} {unit}'} | {'' if aim is None else f'{aim} {unit}'} |")
    lines += ["", "| program | microbatch | fwd + bwd | tokens/s | optimizer | memory |", "| --- | --- | --- | --- | --- | --- |"]
    for what, measured in (("CramGrains bf16", bf16), ("CramGrains FP8", fp8), ("CramGrains fp16", fp16), ("PyTorch compiled", peer)):
        for row in measured:
            lines.append(f"| {what} | {row['microbatch']} | {row['forward_backward_ms']:.2f} ms | {row['tokens_per_second']:,.0f} | {row['optimizer_ms']:.2f} ms | {row['peak_bytes'] / 2**30:.1f} GiB |")
    for row in tuning:
        lines.append(f"\nfine-tuning: step {row['step_ms']:.2f} ms; peers {[r['step_ms'] for r in tuning_eager + tuning_compiled]} ms; reference {REFERENCE_FINE_TUNING_MS} ms (measured earlier)")
    lines += [f"\nfailed: {failure}" for failure in bench.failures]
    lines.append("\nseconds: " + ", ".join(f"{name} {seconds:.0f}" for name, seconds in bench.seconds.items()))
    table = "\n".join(lines)
    print(table)
    with open(os.path.join(options.out, "table.md"), "w") as file:
        file.write(table + "\n")
    with open(os.path.join(options.out, "compare.json"), "w") as file:
        json.dump(dict(bf16=bf16, fp8=fp8, fp16=fp16, peer=peer, loop=loop, loop_cold=cold_loop, fine_tune=tuning, peer_fine_tune=tuning_eager + tuning_compiled, failures=bench.failures), file, indent=1)
    return 1 if bench.failures else 0


if __name__ == "__main__":
    sys.exit(main())
