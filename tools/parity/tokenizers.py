#!/usr/bin/env python3
"""Vectors for the tokenizer's tests, from the peers: trains small tokenizers of each family's
configuration with Hugging Face `tokenizers` and `sentencepiece`, and writes them with
text -> ids -> decoded into src/model/testdata/tokenizers/.

    python3 -m venv ~/.cache/parity && ~/.cache/parity/bin/pip install tokenizers sentencepiece
    ~/.cache/parity/bin/python tools/parity/tokenizers.py [--random N] [--nmt] [--out FOLDER]

--nmt: SentencePiece's own large charsmap (300 KB) instead of a small one. With --out, OL_TOKENIZER_VECTORS=FOLDER model_test --gtest_filter='Parity*' checks more than is committed.
Only tokenizers that this script trains are written; no vocabulary is downloaded. The trainers break ties as
they like, so another run may write other files, which agree with their vectors all the same.
"""
import base64, io, json, os, random, sys, tempfile, unicodedata

# The module of the same name as this file must not shadow the library.
sys.path = [p for p in sys.path if os.path.abspath(p or ".") != os.path.dirname(os.path.abspath(__file__))]
import sentencepiece as spm
import tokenizers
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
from tokenizers import processors, trainers

OUT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/model/testdata/tokenizers")

TEXT = """The tokenizer reads a text and gives it back. When the text has been read, the words of the
text are cut into pieces, and the pieces are what the model learns from. It's a simple thing; they'll
say it isn't. We've seen 12 models, 345 tokens and 67890 bytes of it in 2024. I'm sure you'd agree.
def encode(self, text: str) -> list[int]:
    for word in text.split():
        if word not in self.cache:
            self.cache[word] = self.merge(word)  # the merges of the word
    return [self.ids[piece] for piece in self.pieces(text)]
int main(int argc, char** argv) { std::printf("%d\\n", argc); return 0; }
Der schnelle braune Fuchs springt über den faulen Hund, während die Größe der Straße täglich wächst.
Les élèves étaient déjà là où l'été commence; ça n'a pas été facile, mais c'était très agréable.
El niño pequeño comió la manzana rápidamente. ¿Dónde está la estación de tren más próxima?
Быстрая коричневая лиса прыгает через ленивую собаку, и слова делятся на части.
Η γρήγορη καφέ αλεπού πηδάει πάνω από το τεμπέλικο σκυλί.
敏捷的棕色狐狸跳过了懒狗。分词器把文本切成小块，模型从这些小块中学习。
素早い茶色の狐がのろまな犬を飛び越える。トークナイザーは文章を読みます。
빠른 갈색 여우가 게으른 개를 뛰어넘는다. 토크나이저는 텍스트를 읽습니다.
الثعلب البني السريع يقفز فوق الكلب الكسول. השועל החום המהיר קופץ מעל הכלב העצלן.
तेज़ भूरी लोमड़ी आलसी कुत्ते के ऊपर कूदती है। สุนัขจิ้งจอกสีน้ำตาลกระโดดข้ามสุนัขขี้เกียจ
\U0001F600 \U0001F468\u200D\U0001F469\u200D\U0001F467 \U0001F1E9\U0001F1EA \U0001F44D\U0001F3FD x² ½ ± € → ∑
"""

FIXED = [
    "", " ", "  ", "\n", "\t", "a", "The tokenizer reads a text.", " leading", "trailing ", "   a   b   ",
    "It's they'll we've I'M YOU'D 'S 'ſ don't 'x' ''ll", "1 12 123 1234 12345678901 ٣٤٥ ½² Ⅳ",
    "def f(x):\n    return x  # comment\n\n\n\tif x:\r\n\t\tpass\r\n", "a\n\nb\n \nc \n\t d\u3000e\u00a0f\u2003g\u2028h",
    "Größe straße naïve café cafe\u0301 e\u0301\u0323 \u0344 ﬁ ﬂ ① ㎏ ｆｕｌｌ \u212b \u00c5 ℡",
    "Быстрая лиса", "Η γρήγορη", "敏捷的棕色狐狸，跳过。", "素早い茶色の狐がトークナイザー", "빠른 갈색 여우 각",
    "الثعلب السريع", "השועל", "तेज़ भूरी क्षि", "สุนัขจิ้งจอก",
    "\U0001F600\U0001F468\u200D\U0001F469\u200D\U0001F467\U0001F1E9\U0001F1EA\U0001F44D\U0001F3FD ❤️ #️⃣",
    "\x00\x01\x1f\x7f\x80\u0085\ufeff\ufffd\ue000\U000F0000\U0010FFFF", "<s>hello</s>", "<s> <unk> </s> <pad>",
    "text<|end|>text <|end|> text", "<|end|><|end|>", "say [NAME] and[NAME]x [NAME]", "  <mask>  x<mask>", "x <sep> y<sep>z",
    "Yesterday YESTERDAY yesterday", "a" * 200, "ab" * 150, "die" * 60 + " " + "x" * 90, " " * 70, "\n" * 40 + " " * 9, "▁▁a▁b ▁", "a▁<0x41>▁b",
    "!!! ??? ... --- +++ $$$ `code` {json: [1, 2]} a.b.c x->y", "http://example.org/a?b=c&d=%20e",
    "\u200b\u200d\u00ad\u0300\u0301abc\u0300", "İstanbul IŞIK ΑΣ ẞ", "a\u0300\u0301\u0302\u0303b", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𐐀𐐨 𠀀𠀁", "aﬀbﬃc … ™ ㈱",
]

ALPHABET = ["a", "b", "the", "text", " ", "  ", "\n", "\t", "\r\n", "é", "e\u0301", "ß", "日", "本", "語", "ア", "한", "1", "22", "345",
            "'s", "'LL", "'", ".", ",", "!", "(", "_", "-", "<s>", "</s>", "<|end|>", "[NAME]", "<mask>", "<sep>", "yesterday", "▁", "\u00a0",
            "\u3000", "\u200d", "\U0001F600", "\U0001F1E9", "\U0001F3FD", "\x00", "\u0085", "\ufffd", "Ω", "ж", "क", "ि", "ก", "ﬁ", "½", "İ", "\ud7a3", "\U0010FFFF", "\u0378"]


def random_texts(seed, count):
    rng = random.Random(seed)
    out = []
    for i in range(count):
        parts = []
        for _ in range(rng.randrange(1, 14)):
            if rng.random() < 0.1:
                c = rng.choice([rng.randrange(0x20, 0x250), rng.randrange(0x300, 0x3000), rng.randrange(0x3000, 0xd7ff), rng.randrange(0x1f300, 0x1f700)])
                # The libraries' Unicode tables are of different years: old characters alone.
                if unicodedata.category(chr(c)) == unicodedata.ucd_3_2_0.category(chr(c)):
                    parts.append(chr(c))
            else:
                parts.append(rng.choice(ALPHABET))
        out.append("".join(parts))
    return out


GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
O200K = "|".join([
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?",
    r"\p{N}{1,3}", r" ?[^\s\p{L}\p{N}]+[\r\n/]*", r"\s*[\r\n]+", r"\s+(?!\S)", r"\s+"])
DEEPSEEK3 = ["\\p{N}{1,3}", "[一-龥぀-ゟ゠-ヿ]+",
             "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+"]


def split(pattern, behavior="isolated", invert=False):
    return pre_tokenizers.Split(Regex(pattern), behavior, invert)


def byte_level(**args):
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False, **args)


def train_bpe(tok, vocab=400, special=(), alphabet=True, **args):
    trainer = trainers.BpeTrainer(vocab_size=vocab, special_tokens=list(special), show_progress=False,
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()) if alphabet else [], **args)
    tok.train_from_iterator([TEXT], trainer)
    return tok


def spaced_bpe(vocab=330):
    """SentencePiece-like BPE with byte fallback, as Llama 2 and Gemma have it."""
    tok = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tok.pre_tokenizer = pre_tokenizers.Metaspace("▁", "always", True)
    special = ["<unk>", "<s>", "</s>"] + [f"<0x{i:02X}>" for i in range(256)]
    trainer = trainers.BpeTrainer(vocab_size=vocab + 260, special_tokens=special, show_progress=False, limit_alphabet=90)
    tok.train_from_iterator([TEXT, "    " * 50, "\n\n" * 9], trainer)
    data = json.loads(tok.to_str())
    data["added_tokens"] = [t for t in data["added_tokens"] if t["id"] < 3]
    data["model"]["byte_fallback"] = True
    return data


def from_data(data, **sections):
    data = json.loads(json.dumps(data))
    tok = Tokenizer.from_str(json.dumps(data))
    for name, part in sections.items():
        setattr(tok, name, part)
    return tok


def template(tok, before=("<s>",), after=()):
    single = " ".join([*before, "$A", *after])
    names = [*before, *after]
    return processors.TemplateProcessing(single=single, pair=single + " $B", special_tokens=[(n, tok.token_to_id(n)) for n in names])


def hugging_face():
    out = {}
    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tok.decoder = decoders.ByteLevel()
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    out["gpt2"] = gpt2 = train_bpe(tok, 380, ["<|end|>", "<s>", "</s>", "<mask>"])
    gpt2 = json.loads(gpt2.to_str())
    gpt2["added_tokens"][0]["normalized"] = True  # as GPT-2's own
    out["gpt2"] = from_data(gpt2)

    tok = from_data(gpt2, pre_tokenizer=pre_tokenizers.ByteLevel(add_prefix_space=True))
    tok.add_special_tokens([AddedToken("<mask>", lstrip=True, special=True, normalized=False)])
    tok.post_processor = processors.RobertaProcessing(("</s>", tok.token_to_id("</s>")), ("<s>", tok.token_to_id("<s>")))
    out["roberta"] = tok

    tok = Tokenizer(models.BPE(ignore_merges=True))
    tok.pre_tokenizer = pre_tokenizers.Sequence([split(LLAMA3), byte_level()])
    tok.decoder = decoders.ByteLevel()
    train_bpe(tok, 420)
    tok.add_special_tokens(["<|end|>", "<s>"])
    tok.post_processor = processors.Sequence([processors.ByteLevel(trim_offsets=True), template(tok)])
    out["llama3"] = tok

    tok = Tokenizer(models.BPE())
    tok.normalizer = normalizers.NFC()
    tok.pre_tokenizer = pre_tokenizers.Sequence([split(QWEN2), byte_level()])
    tok.decoder = decoders.ByteLevel()
    train_bpe(tok, 350)
    tok.add_special_tokens(["<|end|>"])
    tok.add_tokens([AddedToken("[NAME]", normalized=False), AddedToken("<sep>", rstrip=True, normalized=False)])
    tok.post_processor = processors.ByteLevel(trim_offsets=False)
    out["qwen2"] = tok

    tok = Tokenizer(models.BPE())
    tok.pre_tokenizer = pre_tokenizers.Sequence([split(p) for p in DEEPSEEK3] + [byte_level()])
    tok.decoder = decoders.ByteLevel()
    train_bpe(tok, 350)
    tok.add_special_tokens(["<s>", "</s>"])
    tok.post_processor = template(tok)
    out["deepseek3"] = tok

    tok = from_data(gpt2)
    tok.pre_tokenizer = pre_tokenizers.Sequence([split("[\r\n]"), split("\\s?\\p{L}+"), split("\\s?\\p{P}+"), split("[一-龥ࠀ-一가-퟿]+"),
                                                 pre_tokenizers.Digits(individual_digits=True), byte_level()])
    out["deepseek2"] = tok

    tok = from_data(gpt2)
    tok.pre_tokenizer = pre_tokenizers.Sequence([split(O200K, "removed", True), byte_level()])
    out["o200k"] = tok

    base = spaced_bpe()
    llama_decoder = lambda: decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tok = from_data(base, normalizer=normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]), decoder=llama_decoder())
    data = json.loads(tok.to_str())
    data["pre_tokenizer"] = None
    tok = Tokenizer.from_str(json.dumps(data))
    tok.post_processor = template(tok)
    out["llama2"] = tok

    tok = from_data(base, pre_tokenizer=pre_tokenizers.Metaspace("▁", "first", False), decoder=llama_decoder())
    tok.post_processor = template(tok, ("<s>",), ("</s>",))
    out["mistral"] = tok

    tok = from_data(base, normalizer=normalizers.Replace(" ", "▁"), pre_tokenizer=pre_tokenizers.Split(" ", "merged_with_previous"),
                    decoder=decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()]))
    tok.add_special_tokens([AddedToken("<pad>", special=True, normalized=False)])
    tok.add_tokens([AddedToken("\n\n", normalized=False), AddedToken("   ", normalized=False)])
    tok.post_processor = template(tok)
    out["gemma"] = tok

    data = json.loads(json.dumps(base))
    data["model"].update(byte_fallback=False, fuse_unk=False)
    tok = from_data(data, normalizer=normalizers.Sequence([normalizers.NFKD(), normalizers.StripAccents(), normalizers.Lowercase(), normalizers.Strip(),
                                                           normalizers.Replace(Regex("[0-9]+"), "#")]),
                    pre_tokenizer=pre_tokenizers.Metaspace("▁", "always", True), decoder=decoders.Metaspace("▁", "always"))
    tok.add_tokens([AddedToken("YESTERDAY", normalized=True, single_word=True), AddedToken("[NAME]", single_word=True, normalized=False)])
    out["normalized"] = tok

    def unigram(pre, normalizer=None, byte_fallback=False, vocab=330):
        tok = Tokenizer(models.Unigram())
        if normalizer is not None:
            tok.normalizer = normalizer
        tok.pre_tokenizer = pre
        special = ["<unk>", "<s>", "</s>"] + ([f"<0x{i:02X}>" for i in range(256)] if byte_fallback else [])
        tok.train_from_iterator([TEXT], trainers.UnigramTrainer(vocab_size=vocab + len(special), special_tokens=special, unk_token="<unk>", show_progress=False))
        data = json.loads(tok.to_str())
        data["added_tokens"] = [t for t in data["added_tokens"] if t["id"] < 3]
        data["model"]["byte_fallback"] = byte_fallback
        return Tokenizer.from_str(json.dumps(data))

    tok = unigram(pre_tokenizers.Sequence([pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Metaspace("▁", "always", True)]), normalizers.Precompiled(CHARSMAP))
    tok.decoder = decoders.Metaspace("▁", "always")
    tok.add_tokens([AddedToken("<sep>", lstrip=True, rstrip=True, normalized=False)])
    tok.post_processor = template(tok, (), ("</s>",))
    out["t5"] = tok

    tok = unigram(pre_tokenizers.Metaspace("▁", "never", False), normalizers.NFKC(), True)
    tok.decoder = decoders.Sequence([decoders.ByteFallback(), decoders.Metaspace("▁", "never")])
    out["unigram_bytes"] = tok

    small = Tokenizer(models.BPE(unk_token="[UNK]"))
    small.pre_tokenizer = pre_tokenizers.Whitespace()
    train_bpe(small, 190, ["[UNK]", "<s>", "</s>"], alphabet=False, limit_alphabet=100)
    for name, pre in {
        "words": pre_tokenizers.Sequence([pre_tokenizers.Whitespace(), pre_tokenizers.Digits(individual_digits=False)]),
        "punctuation": pre_tokenizers.Sequence([pre_tokenizers.Punctuation("contiguous"), pre_tokenizers.Punctuation("merged_with_previous")]),
        "merged_next": pre_tokenizers.Sequence([split("[aeiou]+|\\w\\d", "merged_with_next"), pre_tokenizers.Punctuation("merged_with_next")]),
        "contiguous": pre_tokenizers.Sequence([split("[a-m ]", "contiguous"), split("\\W", "merged_with_previous")]),
        "removed": pre_tokenizers.Sequence([split("\\s+|[x-z]$", "removed"), pre_tokenizers.Punctuation("removed")]),
    }.items():
        tok = from_data(json.loads(small.to_str()), pre_tokenizer=pre)
        if name == "words":
            tok.normalizer = normalizers.NFD()
            tok.post_processor = processors.BertProcessing(("</s>", 2), ("<s>", 1))
        if name == "punctuation":
            tok.decoder = decoders.Fuse()
        out[name] = tok
    return out


def sentence_pieces():
    def train(**args):
        model = io.BytesIO()
        spm.SentencePieceTrainer.train(sentence_iterator=iter(TEXT.split("\n")), model_writer=model, minloglevel=2, num_threads=1, **args)
        return model.getvalue()
    return {
        "sp_llama": train(model_type="bpe", vocab_size=640, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                          split_digits=True, allow_whitespace_only_pieces=True, character_coverage=0.99),
        "sp_gemma": train(model_type="bpe", vocab_size=620, byte_fallback=True, normalization_rule_name="identity", remove_extra_whitespaces=False,
                          add_dummy_prefix=False, character_coverage=0.98, user_defined_symbols=["<sep>", "[NAME]", "\n\n", "ab"], control_symbols=["<|end|>"]),
        "sp_bpe": train(model_type="bpe", vocab_size=420, normalization_rule_name="identity", character_coverage=0.98),
        "sp_unigram": train(model_type="unigram", hard_vocab_limit=False, vocab_size=400, normalization_rule_name="identity", character_coverage=0.98,
                            user_defined_symbols=["<sep>", "[NAME]"]),
        "sp_unigram_bytes": train(model_type="unigram", hard_vocab_limit=False, vocab_size=640, byte_fallback=True, normalization_rule_name="identity",
                                  remove_extra_whitespaces=False, character_coverage=0.98),
        "sp_charsmap": train(model_type="unigram", hard_vocab_limit=False, vocab_size=380, character_coverage=0.98, **rules()),
    }


def rules():
    """A small charsmap: some of NFKC, white space, one expansion, one removal, a combining pair."""
    if "--nmt" in sys.argv:
        return {"normalization_rule_name": "nmt_nfkc"}
    table = {"\u3000": " ", "\u00a0": " ", "\t": " ", "ﬁ": "fi", "ﬂ": "fl", "½": "1⁄2", "①": "1", "ｆ": "f", "ｕ": "u", "ｌ": "l", "\u200b": "",
             "e\u0301": "é", "㎏": "kg", "\u212b": "\u00c5", "\u00ad": "", "℡": "TEL", "ガ": "が", "が": "ガ", "\r": " ", "…": "..."}
    path = tempfile.mkstemp(suffix=".tsv")[1]
    with open(path, "w") as f:
        for source, target in table.items():
            f.write(" ".join(f"{ord(c):X}" for c in source) + "\t" + " ".join(f"{ord(c):X}" for c in target) + "\n")
    return {"normalization_rule_tsv": path}


def field(blob, wanted):
    """A length-delimited field of a protobuf message."""
    at = 0
    def varint():
        nonlocal at
        out = shift = 0
        while True:
            b = blob[at]; at += 1
            out |= (b & 127) << shift; shift += 7
            if b < 128:
                return out
    while at < len(blob):
        tag = varint()
        if tag & 7 == 0: varint()
        elif tag & 7 == 1: at += 8
        elif tag & 7 == 5: at += 4
        else:
            size = varint()
            if tag >> 3 == wanted: return blob[at:at + size]
            at += size
    return b""


PIECES = sentence_pieces()
CHARSMAP = field(field(PIECES["sp_charsmap"], 3), 2)


SHORT = 8  # of the fixed texts, those whose ids are written out for people; all others have a digest


def digest(parts):
    """24 bits of FNV-1a 64 in base64."""
    value = 0xcbf29ce484222325
    for byte in "\x01".join(parts).encode():
        value = (value ^ byte) * 0x100000001b3 & 0xffffffffffffffff
    return base64.b64encode((value >> 40).to_bytes(3, "big")).decode()


def entry(texts, ask):
    """ask(text) gives ids, the text without and with special tokens."""
    answers = [ask(text) for text in texts]
    return {"ids": [" ".join(map(str, ids)) for ids, _, _ in answers[:SHORT]],
            "digests": "".join(digest([" ".join(map(str, ids)), plain, kept]) for ids, plain, kept in answers)}


def main():
    count = int(sys.argv[sys.argv.index("--random") + 1]) if "--random" in sys.argv else 200
    out_dir = sys.argv[sys.argv.index("--out") + 1] if "--out" in sys.argv else OUT
    os.makedirs(out_dir, exist_ok=True)
    texts = sorted(FIXED, key=lambda t: (len(t) > 60, FIXED.index(t))) + random_texts(7, count)
    vectors = {"source": f"tools/parity/tokenizers.py with tokenizers {tokenizers.__version__}, sentencepiece {spm.__version__}",
               "texts": texts, "tokenizers": {}}
    files = {}
    for name, tok in hugging_face().items():
        data = json.loads(tok.to_str())
        # Those that share a model share a file; the rest of it is in the vectors.
        model = json.dumps(data["model"]["vocab"], ensure_ascii=False)
        patch = {}
        if model in files:
            file = files[model]
            patch = {k: v for k, v in data.items() if k != "model"}
            patch["model"] = {k: v for k, v in data["model"].items() if k not in ("vocab", "merges")}
        else:
            file = files[model] = name + ".json"
            with open(os.path.join(out_dir, file), "w") as f:
                json.dump(data, f, ensure_ascii=False, separators=(",", ":"))

        def ask(text):
            ids = tok.encode(text, add_special_tokens=False).ids
            return ids, tok.decode(ids, skip_special_tokens=True), tok.decode(ids, skip_special_tokens=False)
        vectors["tokenizers"][name] = {"file": file, "patch": patch, "wrapped": tok.encode("The text").ids, **entry(texts, ask)}
    for name, blob in PIECES.items():
        with open(os.path.join(out_dir, name + ".model"), "wb") as f:
            f.write(blob)
        sp = spm.SentencePieceProcessor(model_proto=blob)
        def ask(text):
            ids = sp.encode(text)
            return ids, sp.decode(ids), sp.decode(ids)
        vectors["tokenizers"][name] = {"file": name + ".model", **entry(texts, ask)}
    with open(os.path.join(out_dir, "vectors.json"), "w") as f:
        json.dump(vectors, f, ensure_ascii=False, separators=(",", ":"))
    size = sum(os.path.getsize(os.path.join(out_dir, n)) for n in os.listdir(out_dir))
    print(f"{len(texts) * len(vectors['tokenizers'])} vectors of {len(vectors['tokenizers'])} tokenizers, {size} bytes")


main()
