"""Makes tests/goldens/hugging-face: small random BERT and RoBERTa models as transformers saves them, with its own token ids and logits for pairs of texts.

    python3 tests/goldens/scripts/make_import_goldens.py tests/goldens/hugging-face

Needs torch, transformers 5, tokenizers and safetensors. Special tokens stand where bert-base-uncased and roberta-base have them, not where ours are. Each
folder holds what save_pretrained writes, expected.json (vocabulary by id; texts, and their tokens with special tokens, one sentence or two) and
expected.safetensors (input_ids, attention_mask, token_type_ids and logits [B, S, V] of the padded batch of pairs). A kind that fails is reported and left
out; exit code 1 then.
"""

import json
import os
import shutil
import sys
import traceback

import torch
import transformers
from safetensors.torch import save_file
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertConfig, BertForMaskedLM, PreTrainedTokenizerFast, RobertaConfig, RobertaForMaskedLM

PAIRS = [
    ("The cat sat on the mat.", "A cat was sitting there!"),
    ("Café naïve don't", None),
    ("It's 12 o'clock  now", "the time is twelve, isn't it?"),
    ("a", "on the mat the cat sat and sat and sat"),
]
TRAINING = [text for pair in PAIRS for text in pair if text] + ["the cat and the mat were there at twelve", "now and then it is time to sit on a mat"]


def bert():
    words = sorted({word for text in TRAINING for word in "".join(c if c.isascii() and c.isalpha() else " " for c in text.lower()).split()})
    letters = [chr(c) for c in range(ord("a"), ord("z") + 1)] + list("0123456789.,!?'")
    entries = ["[PAD]", "[unused0]", *letters, "[UNK]", "[CLS]", "[SEP]", "[MASK]", *("##" + c for c in letters), *(w for w in words if len(w) > 1)]
    vocabulary = {entry: i for i, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.WordPiece(vocab=vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece(prefix="##")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", vocabulary["[CLS]"]), ("[SEP]", vocabulary["[SEP]"])])
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]", mask_token="[MASK]",
        model_input_names=["input_ids", "token_type_ids", "attention_mask"])
    config = BertConfig(
        vocab_size=len(fast), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=40,
        type_vocab_size=2, pad_token_id=vocabulary["[PAD]"], layer_norm_eps=1e-12)
    return fast, BertForMaskedLM(config)


def roberta():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.train_from_iterator(TRAINING, trainers.BpeTrainer(
        vocab_size=320, show_progress=False, special_tokens=["<s>", "<pad>", "</s>", "<unk>", "<mask>"], initial_alphabet=pre_tokenizers.ByteLevel.alphabet()))
    # By position: the second argument's name differs between versions.
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", tokenizer.token_to_id("</s>")), ("<s>", tokenizer.token_to_id("<s>")), True, False)
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="<unk>", pad_token="<pad>", cls_token="<s>", sep_token="</s>", mask_token="<mask>", bos_token="<s>",
        eos_token="</s>", model_input_names=["input_ids", "attention_mask"])
    config = RobertaConfig(
        vocab_size=len(fast), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=48, max_position_embeddings=42,
        type_vocab_size=1, pad_token_id=tokenizer.token_to_id("<pad>"), bos_token_id=tokenizer.token_to_id("<s>"),
        eos_token_id=tokenizer.token_to_id("</s>"), layer_norm_eps=1e-5)
    return fast, RobertaForMaskedLM(config)


def make(folder, maker, seed):
    torch.manual_seed(seed)
    tokenizer, model = maker()
    model.eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(0.2 * torch.randn(p.shape))
    os.makedirs(folder, exist_ok=True)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)

    singles = [(first, None) for first, second in PAIRS if second is None]
    pairs = [(first, second) for first, second in PAIRS if second is not None]
    entries = []
    for first, second in singles + pairs:
        ids = (tokenizer(first) if second is None else tokenizer(first, second))["input_ids"]
        entries.append({"first": first, "second": second, "tokens": tokenizer.convert_ids_to_tokens(ids)})
    batch = tokenizer([first for first, _ in pairs], [second for _, second in pairs], padding=True, return_tensors="pt")
    with torch.no_grad():
        logits = model(**batch).logits
    tensors = {name: batch[name].long().contiguous() for name in ("input_ids", "attention_mask", "token_type_ids") if name in batch}
    save_file({**tensors, "logits": logits.float().contiguous()}, os.path.join(folder, "expected.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(folder, "expected.json"), "w", encoding="utf-8") as file:
        vocabulary = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
        json.dump({"transformers": transformers.__version__, "vocabulary": vocabulary, "texts": entries}, file, indent=1, ensure_ascii=True)
        file.write("\n")
    return sorted(os.listdir(folder)), logits.abs().max().item()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    failed = []
    for seed, maker in enumerate((bert, roberta), 1):
        folder = os.path.join(sys.argv[1], maker.__name__)
        try:
            files, largest = make(folder, maker, seed)
            print(f"{maker.__name__}: largest logit {largest:.2f}, {files}", flush=True)
        except Exception:  # noqa: BLE001 - the other must still be made
            failed.append(maker.__name__)
            shutil.rmtree(folder, ignore_errors=True)
            print(f"{maker.__name__}: FAILED\n{traceback.format_exc()}", flush=True)
    print(f"failed {failed}, transformers {transformers.__version__}, torch {torch.__version__}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
