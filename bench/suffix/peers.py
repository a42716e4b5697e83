#!/usr/bin/env python3
"""The peers of the suffix index, infini-gram and Fastgram, over symbols that somebody else made.

    peers.py FOLDER --work DIR --fastgram PROGRAM [--json F] [--cpus N] [--min-symbols 6] [--max-count 16384]

FOLDER holds, all numbers unsigned 32-bit little endian:

  tokens.u32    the text: for each record its symbols, any numbers below 0xFFFFFFF0 (equal symbols,
                equal numbers), and then 0xFFFFFFFF
  outputs.u32   a list file: the outputs to trace, about 200 symbols each
  phrases.u32   a list file: the phrases to count, of 1 to 16 symbols, some hundred of each length, half
                of them pieces of the text (of no 0xFFFFFFFF), half of the outputs
  ends.u32      optional, ours: for each output, for each of its positions i, the place i + len(i) where
                the longest piece starting at i that occurs in the text ends (no header)
  counts.u32    optional, ours: for each phrase how often it occurs in the text (no header)

A list file is K, then K lengths, then the symbols of all lists one after the other. A symbol that
does not occur in the text is 0xFFFFFFFE. The peers' answers are compared with each other and, where
ends.u32 and counts.u32 are there, with ours; a difference is an error.

Two indexes are made, both with infini-gram's own indexing (Fastgram has none and reads the same files):

  exact   32-bit symbols. infini-gram's indexing cannot sort those on a machine of ordinary size (it wants
          2^32 counters of 8 bytes for each job), so each symbol is given to it as two 16-bit ones, and the
          entries that point into the middle of a symbol are taken out of the table. The order is the same.
  hashed  16-bit symbols, what both are made for: the 65,000 most frequent keep their identity, the others
          share 534 numbers by hash. Fewer bytes and less work, but not the same text: matches may be longer
          than they are. Fastgram then has its fastest form, a range of the table for each first symbol.

Times are medians over the outputs, or over the phrases of a length, warm and in memory, one call at a
time. infini-gram's engine is a closed Python extension: it is called at the lowest level there is, and
what an empty call costs is a figure of its own. Fastgram is called from C++ (fastgram.cpp).
"""
import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time

import numpy as np

END = 0xFFFFFFFF
UNKNOWN = 0xFFFFFFFE
FREQUENT = 65000
SHARED = 65534 - FREQUENT  # 65534 is the unknown symbol, 65535 the end of a document


def read_lists(path):
    data = np.fromfile(path, "<u4")
    count = int(data[0])
    sizes = data[1 : 1 + count].astype(np.int64)
    stops = 1 + count + np.cumsum(sizes)
    if count == 0 or stops[-1] != len(data):
        sys.exit(f"{path}: not a list file")
    return [data[stop - size : stop] for stop, size in zip(stops, sizes)]


def write_lists(path, lists):
    with open(path, "wb") as out:
        np.array([len(lists)] + [len(x) for x in lists], "<u4").tofile(out)
        for x in lists:
            x.astype("<u4").tofile(out)


def median(values):
    return sorted(values)[len(values) // 2]


def children_cpu():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def sort_suffixes(folder, width, cpus, memory_gib):
    """infini-gram's own indexing of folder/tokenized.0; its seconds, and the processor's."""
    # Its parts overlap by 100,000 bytes, and parts that are shorter than that give a wrong table.
    if os.path.getsize(os.path.join(folder, "tokenized.0")) < 4 << 20:
        cpus = 1
    empty = os.path.join(folder, "..", "empty")
    os.makedirs(empty, exist_ok=True)
    files = str(resource.getrlimit(resource.RLIMIT_NOFILE)[1])
    command = [sys.executable, "-m", "infini_gram.indexing", "--data_dir", os.path.abspath(empty), "--save_dir",
               os.path.abspath(folder), "--token_dtype", f"u{8 * width}", "--cpus", str(cpus), "--mem", str(memory_gib),
               "--ulimit", files]
    before = children_cpu()
    subprocess.run([sys.executable, "-c", "import infini_gram.indexing"], check=True)
    start_up = children_cpu() - before
    before = children_cpu()
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    cpu = children_cpu() - before - start_up
    took = re.search(r"Step 2 \(build_sa\): Done. Took ([0-9.]+)", done.stdout)
    if done.returncode != 0 or took is None:
        sys.exit(f"infini-gram's indexing failed:\n{done.stdout}")
    shutil.rmtree(empty)
    return float(took.group(1)), cpu


def write_text(folder, tokens, width):
    """tokenized.0 and offset.0: in infini-gram the end of a document stands before it."""
    shutil.rmtree(folder, ignore_errors=True)
    os.makedirs(folder)
    kind = "<u4" if width == 4 else "<u2"
    end = np.array([END if width == 4 else 0xFFFF], kind)
    with open(os.path.join(folder, "tokenized.0"), "wb") as out:
        end.tofile(out)
        tokens[:-1].astype(kind, copy=False).tofile(out)
    starts = np.concatenate([[0], np.flatnonzero(tokens[:-1] == end[0]) + 1])
    (starts.astype("<u8") * width).tofile(os.path.join(folder, "offset.0"))


def keep_whole_symbols(folder):
    """Of a table over 16-bit halves, the entries at the start of a 32-bit symbol."""
    path = os.path.join(folder, "table.0")
    halves = os.path.getsize(os.path.join(folder, "tokenized.0")) // 2
    bytes_each = os.path.getsize(path) // halves
    table = np.memmap(path, np.uint8, "r").reshape(-1, bytes_each)
    with open(path + ".new", "wb") as out:
        for first in range(0, halves, 1 << 24):
            piece = np.array(table[first : first + (1 << 24)])
            piece[(piece[:, 0] & 3) == 0].tofile(out)
    del table
    os.replace(path + ".new", path)


def check_order(folder, width, samples=20000):
    """The table holds every position once, and neighbours of it are in order (a sample)."""
    text = np.memmap(os.path.join(folder, "tokenized.0"), np.uint8, "r")
    count = len(text) // width
    raw = np.memmap(os.path.join(folder, "table.0"), np.uint8, "r")
    each = len(raw) // count
    if each * count != len(raw):
        sys.exit(f"{folder}: the table is not complete")
    seen = np.zeros(count, bool)
    for first in range(0, count, 1 << 24):
        piece = raw[first * each : (first + (1 << 24)) * each].reshape(-1, each)
        place = np.zeros(len(piece), np.int64)
        for i in range(each):
            place |= piece[:, i].astype(np.int64) << (8 * i)
        seen[place // width] = True
    if not seen.all():
        sys.exit(f"{folder}: the table is not a permutation")
    at = lambda rank: int.from_bytes(raw[rank * each : (rank + 1) * each].tobytes(), "little")
    for rank in np.random.default_rng(1).integers(0, count - 1, samples):
        a, b = at(int(rank)), at(int(rank) + 1)
        if text[a : a + 4000].tobytes() > text[b : b + 4000].tobytes():
            sys.exit(f"{folder}: the table is out of order at rank {rank}")


def write_ranges(folder):
    """unigram_ranges.bin, which Fastgram reads with 16-bit symbols: first and last rank of each."""
    counts = np.bincount(np.fromfile(os.path.join(folder, "tokenized.0"), "<u2"), minlength=65536)
    order = np.arange(65536, dtype="<u2").byteswap().argsort()  # symbols sort by their bytes
    stops = np.cumsum(counts[order])
    ranges = np.zeros((65536, 2), "<u8")
    ranges[order, 0] = stops - counts[order]
    ranges[order, 1] = stops
    ranges.tofile(os.path.join(folder, "unigram_ranges.bin"))


def hash_symbols(tokens, lists):
    """16-bit symbols for the text and the lists of lists."""
    inside = tokens[tokens != END]
    top = int(inside.max()) + 1
    order = np.argsort(-np.bincount(inside, minlength=top), kind="stable")
    ids = (FREQUENT + (np.arange(top, dtype=np.uint64) * 0x9E3779B97F4A7C15 >> np.uint64(32)) % SHARED).astype("<u2")
    ids[order[:FREQUENT]] = np.arange(min(FREQUENT, top), dtype="<u2")

    def convert(symbols):
        out = np.full(len(symbols), 65534, "<u2")
        out[symbols == END] = 65535
        known = symbols < top
        out[known] = ids[symbols[known]]
        return out

    text = np.empty(len(tokens), "<u2")
    for first in range(0, len(tokens), 1 << 24):
        text[first : first + (1 << 24)] = convert(tokens[first : first + (1 << 24)])
    return text, [[convert(x) for x in one] for one in lists]


def bytes_per_symbol(folder, count):
    return {name: os.path.getsize(os.path.join(folder, name)) / count
            for name in sorted(os.listdir(folder)) if os.path.isfile(os.path.join(folder, name))}


def build(folder, tokens, width, options):
    write_text(folder, tokens, width)
    seconds, cpu = sort_suffixes(folder, 2, options.cpus, options.memory)
    filtering = 0.0
    if width == 4:
        start = time.process_time()
        keep_whole_symbols(folder)
        filtering = time.process_time() - start
    check_order(folder, width)
    if width == 2:
        write_ranges(folder)
    sizes = bytes_per_symbol(folder, len(tokens))
    return {"seconds": seconds, "cpu_seconds": cpu, "filter_cpu_seconds": filtering, "cpus": options.cpus,
            "msymbols_per_s_core": len(tokens) / cpu / 1e6, "bytes_per_symbol": sum(sizes.values()), "files": sizes}


def timed(call, argument):
    start = time.perf_counter_ns()
    call(argument)
    return (time.perf_counter_ns() - start) / 1e3


def infini_gram(folder, width, outputs, phrases, top, options):
    from infini_gram import cpp_engine

    kind = cpp_engine.Engine_U32 if width == 4 else cpp_engine.Engine_U16
    outputs = [x.tolist() for x in outputs]
    phrases = [x.tolist() for x in phrases]
    by_size = {}
    for phrase in phrases:
        by_size.setdefault(len(phrase), []).append(phrase)

    def engine(in_memory, prefetch):
        # top is a vocabulary size that holds every id in use; 0, the end of a document in its answers, is not
        # used here. Without its sums of log probabilities, which cost half a minute to prepare.
        return kind([folder], 0, top, 4, in_memory, *prefetch, set(), 512, False, {})

    def attribute_of(made):
        return lambda ids: made.attribute(ids, [], options.min_symbols, options.max_count, False)

    # Its best form here: in memory or mapped, with or without its prefetch, by a part of the outputs.
    forms = {}
    for in_memory in (True, False):
        for prefetch in ((0, 0, 0), (1, 3, 3)):
            made = engine(in_memory, prefetch)
            call = attribute_of(made)
            some = outputs[:15]
            for ids in some:
                call(ids)
            forms[in_memory, prefetch] = median([timed(call, ids) for ids in some])
            del made, call
    in_memory, prefetch = min(forms, key=forms.get)
    made = engine(in_memory, prefetch)
    attribute = attribute_of(made)

    def median_of(call, lists):
        for x in lists[:10]:
            call(x)
        return median([timed(call, x) for x in lists])

    traced = outputs[: options.outputs]
    answer = {
        "form": {"load_to_ram": in_memory, "prefetch": prefetch,
                 "tried_us": {f"load_to_ram={m} prefetch={p}": v for (m, p), v in forms.items()}},
        "trace_attribute_us": median_of(attribute, traced),
        "trace_ends_us": median_of(made.creativity, traced),
        "count_us": {size: median_of(made.count, lists) for size, lists in sorted(by_size.items())},
        # Not the engine's work: a call that does nothing, and one that only converts a list of 200. And
        # what it pays before it has anything to do (it starts a thread for each search).
        "empty_call_us": median_of(lambda _: made.get_num_shards(), [[]] * 1000),
        "count_nothing_us": median_of(made.count, [[]] * 1000),
        "convert_200_us": median_of(convert_probe(made), [list(range(200))] * 1000),
    }
    ends = np.concatenate([np.array(made.creativity(ids).rs, "<u4") for ids in traced])
    counts = np.array([made.count(ids).count for ids in phrases], "<u4")
    return answer, ends, counts


def convert_probe(made):
    """A call that converts a list of 200 numbers and then does nothing: no position starts a word."""
    return lambda ids: made.attribute([], ids, 1, 1, True)


def fastgram(program, folder, width, outputs, phrases, work, options):
    names = [os.path.join(work, f"{name}.{width}") for name in ("outputs", "phrases", "ends", "counts")]
    write_lists(names[0], outputs)
    write_lists(names[1], phrases)
    done = subprocess.run([program, str(width), folder, names[0], names[1], str(options.min_symbols),
                           str(options.max_count), names[2], names[3]], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit("the Fastgram program failed")
    answer = json.loads(done.stdout)
    del answer["sink"]
    answer["count_us"] = {int(size): value for size, value in answer["count_us"].items()}
    return answer, np.fromfile(names[2], "<u4"), np.fromfile(names[3], "<u4")


def compare(what, a, b):
    """How many answers agree; the first that does not ends the run."""
    size = min(len(a), len(b))
    if size == 0 or (a[:size] != b[:size]).any():
        place = int(np.flatnonzero(a[:size] != b[:size])[0]) if size else 0
        sys.exit(f"{what} differ, first at {place} of {size}")
    return size


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder")
    parser.add_argument("--work", required=True)
    parser.add_argument("--fastgram", required=True)
    parser.add_argument("--json")
    parser.add_argument("--cpus", type=int, default=os.cpu_count())
    parser.add_argument("--memory", type=int, default=8, help="GiB for the sorting")
    parser.add_argument("--min-symbols", type=int, default=6)
    parser.add_argument("--max-count", type=int, default=16384)
    parser.add_argument("--outputs", type=int, default=100, help="outputs that infini-gram, the slower one, traces")
    parser.add_argument("--keep", action="store_true", help="leave the indexes in --work, and use those that are there")
    options = parser.parse_args()
    os.makedirs(options.work, exist_ok=True)
    tokens = np.fromfile(os.path.join(options.folder, "tokens.u32"), "<u4")
    if len(tokens) < 2 or tokens[-1] != END:
        sys.exit("tokens.u32 does not end with 0xFFFFFFFF")
    outputs = read_lists(os.path.join(options.folder, "outputs.u32"))
    phrases = read_lists(os.path.join(options.folder, "phrases.u32"))
    result = {"symbols": len(tokens), "documents": int((tokens == END).sum()), "outputs": len(outputs),
              "phrases": len(phrases), "output_symbols": median([len(x) for x in outputs]), "compared": {}}

    text16, (outputs16, phrases16) = hash_symbols(tokens, [outputs, phrases])
    forms = {"exact": (4, tokens, outputs, phrases), "hashed": (2, text16, outputs16, phrases16)}
    for name, (width, text, outs, phrs) in forms.items():
        folder = os.path.abspath(os.path.join(options.work, name))
        record = folder + ".json"
        if options.keep and os.path.exists(record):
            built = json.load(open(record))
        else:
            print(f"peers: infini-gram sorts {name}", file=sys.stderr, flush=True)
            built = build(folder, text, width, options)
            json.dump(built, open(record, "w"))
        print(f"peers: Fastgram, {name}", file=sys.stderr, flush=True)
        fast, fast_ends, fast_counts = fastgram(options.fastgram, folder, width, outs, phrs, options.work, options)
        print(f"peers: infini-gram, {name}", file=sys.stderr, flush=True)
        top = int(text[text != (END if width == 4 else 0xFFFF)].max()) + 2 if width == 4 else 65535
        slow, slow_ends, slow_counts = infini_gram(folder, width, outs, phrs, top, options)
        result["compared"][f"{name}: ends"] = compare(f"{name}: the ends of the peers", fast_ends, slow_ends)
        result["compared"][f"{name}: counts"] = compare(f"{name}: the counts of the peers", fast_counts, slow_counts)
        if width == 4:
            for what, theirs in (("ends", fast_ends), ("counts", fast_counts)):
                ours = os.path.join(options.folder, f"{what}.u32")
                if os.path.exists(ours):
                    mine = np.fromfile(ours, "<u4")
                    if len(mine) != len(theirs):
                        sys.exit(f"{what}.u32 has {len(mine)} numbers, the peers {len(theirs)}")
                    result["compared"][f"ours: {what}"] = compare(f"our {what} and the peers'", mine, theirs)
        result[name] = {"index": built, "fastgram": fast, "infini_gram": slow}
        if not options.keep:
            shutil.rmtree(folder)
            os.remove(record)
    text = json.dumps(result, indent=2)
    if options.json:
        with open(options.json, "w") as out:
            out.write(text + "\n")
    else:
        print(text)


if __name__ == "__main__":
    main()
