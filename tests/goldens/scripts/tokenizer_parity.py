"""Compares our token ids with Hugging Face tokenizers' for one exported tokenizer, line by line, and times their encoder.

    cram data encode CORPUS text.txt ids.u16          # here: our ids, uint16 little endian, 0xFFFF after each line
    python tokenizer_parity.py tokenizer.json text.txt ids.u16

Needs the package `tokenizers` (0.23). A vocabulary of up to 65,535 entries. Exit code 1 when any line differs.
"""
import array
import itertools
import os
import sys
import time

os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")  # a rate per core
from tokenizers import Tokenizer, __version__  # noqa: E402

END = 0xFFFF
BATCH = 4096


def our_lines(path):
    ids = array.array("H")
    with open(path, "rb") as file:
        ids.frombytes(file.read())
    if sys.byteorder == "big":
        ids.byteswap()
    line = []
    for token in ids:
        if token == END:
            yield line
            line = []
        else:
            line.append(token)
    if line:
        sys.exit(f"{path}: ends within a line; it was cut")


def main(tokenizer_path, text_path, ids_path):
    tokenizer = Tokenizer.from_file(tokenizer_path)
    # Read as bytes: universal newlines would cut lines at carriage returns too.
    with open(text_path, "rb") as file:
        lines = file.read().decode("utf-8").split("\n")
    if lines[-1] == "":
        lines.pop()
    ours = our_lines(ids_path)
    different_lines = tokens = different_tokens = 0
    seconds = 0.0
    samples = []
    for first in range(0, len(lines), BATCH):
        batch = lines[first:first + BATCH]
        started = time.perf_counter()
        theirs = tokenizer.encode_batch(batch, add_special_tokens=False)
        seconds += time.perf_counter() - started
        for number, (text, encoding) in enumerate(zip(batch, theirs), first + 1):
            mine = next(ours, None)
            if mine is None:
                sys.exit(f"{ids_path}: has fewer lines than {text_path}: {number - 1} of {len(lines)}")
            tokens += len(encoding.ids)
            if mine != encoding.ids:
                different_lines += 1
                different_tokens += sum(a != b for a, b in itertools.zip_longest(mine, encoding.ids))
                if len(samples) < 20:
                    place = next(i for i, (a, b) in enumerate(itertools.zip_longest(mine, encoding.ids)) if a != b)
                    near = slice(max(0, place - 3), place + 4)
                    samples.append((number, place, [tokenizer.id_to_token(i) for i in mine[near]], encoding.tokens[near]))
    if next(ours, None) is not None:
        sys.exit(f"{ids_path}: has more lines than {text_path}")
    size = os.path.getsize(text_path)
    print(f"tokenizers {__version__}: {len(lines)} lines, {tokens} tokens, {size / 1e6:.1f} MB")
    print(f"different: {different_lines} lines, {different_tokens} tokens")
    print(f"encode_batch without parallelism: {seconds:.1f} s, {size / seconds / 1e6:.2f} MB/s a core")
    for number, place, mine, theirs in samples:
        print(f"line {number}, token {place}: ours {mine}, theirs {theirs}")
    return 1 if different_lines else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:4]) if len(sys.argv) == 4 else __doc__)
