// Shingles and MinHash signatures (docs/formats/record.md). The inner loop is integer arithmetic
// alone, so every machine and every compiler gives the same signature.
#include <algorithm>
#include <array>
#include <cstring>

#include "base/prng.hpp"
#include "datanet/curation.hpp"
#include "text/words.hpp"

namespace ol::datanet {

namespace {

constexpr std::size_t words_per_shingle = 5;
constexpr std::uint64_t mersenne_61 = (1ULL << 61) - 1;

struct Coefficients {
    std::array<std::uint64_t, minhash_size> a{};
    std::array<std::uint64_t, minhash_size> b{};
};

const Coefficients& coefficients() {
    static const Coefficients values = [] {
        Coefficients out;
        Prng prng(1);
        for (std::size_t i = 0; i < minhash_size; ++i) {
            out.a[i] = prng.next() | 1;
            out.b[i] = prng.next();
        }
        return out;
    }();
    return values;
}

// FNV-1a, 64 bit, of each word.
std::vector<std::uint64_t> word_hashes(const std::string& words) {
    std::vector<std::uint64_t> out;
    out.reserve(words.size() / 5 + 1);
    std::uint64_t hash = 0xcbf29ce484222325;
    for (const char c : words) {
        if (c == ' ') {
            out.push_back(hash);
            hash = 0xcbf29ce484222325;
        } else {
            hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3;
        }
    }
    return out;
}

// Eight functions side by side; the compiler makes of it what the target has.
using Lanes = std::uint64_t __attribute__((vector_size(64)));
constexpr std::size_t lanes = 8;

inline __attribute__((always_inline)) void take_minima(MinHash& minima, const std::uint64_t* hashes,
                                                       std::size_t count, const Coefficients& c) {
    const Lanes modulus = Lanes{} + mersenne_61;
    for (std::size_t i = 0; i < minhash_size; i += lanes) {
        Lanes a;
        Lanes b;
        std::memcpy(&a, c.a.data() + i, sizeof a);
        std::memcpy(&b, c.b.data() + i, sizeof b);
        Lanes least = Lanes{} + UINT64_MAX;
        for (std::size_t at = 0; at < count; ++at) {
            const Lanes wide = a * (Lanes{} + hashes[at]) + b;
            Lanes value = (wide & modulus) + (wide >> 61);
            value = value >= modulus ? value - modulus : value;
            least = value < least ? value : least;
        }
        std::memcpy(minima.data() + i, &least, sizeof least);
    }
}

using TakeMinima = void (*)(MinHash&, const std::uint64_t*, std::size_t, const Coefficients&);

void take_minima_portable(MinHash& minima, const std::uint64_t* hashes, std::size_t count,
                          const Coefficients& c) {
    take_minima(minima, hashes, count, c);
}

#if defined(__x86_64__)
__attribute__((target("avx2"))) void take_minima_avx2(MinHash& minima, const std::uint64_t* hashes,
                                                      std::size_t count, const Coefficients& c) {
    take_minima(minima, hashes, count, c);
}
__attribute__((target("avx512f,avx512dq"))) void take_minima_avx512(MinHash& minima,
                                                                    const std::uint64_t* hashes,
                                                                    std::size_t count,
                                                                    const Coefficients& c) {
    take_minima(minima, hashes, count, c);
}
#endif

TakeMinima choose_take_minima() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq")) {
        return take_minima_avx512;
    }
    if (__builtin_cpu_supports("avx2")) return take_minima_avx2;
#endif
    return take_minima_portable;
}

} // namespace

Shingles shingle(std::string_view text) {
    const std::vector<std::uint64_t> words = word_hashes(text::simplify_words(text));
    Shingles out;
    out.word_count = static_cast<std::uint32_t>(words.size());
    const std::size_t width = std::min(words.size(), words_per_shingle);
    const std::size_t count = words.size() - width + 1;
    out.hashes.resize(count);
    for (std::size_t at = 0; at < count; ++at) {
        std::uint64_t hash = 0;
        for (std::size_t i = 0; i < width; ++i) hash = mix64(hash + words[at + i]);
        out.hashes[at] = hash;
    }
    std::sort(out.hashes.begin(), out.hashes.end());
    out.hashes.erase(std::unique(out.hashes.begin(), out.hashes.end()), out.hashes.end());
    static const TakeMinima minima_of = choose_take_minima();
    minima_of(out.signature, out.hashes.data(), out.hashes.size(), coefficients());
    return out;
}

unsigned equal_count(const MinHash& a, const MinHash& b) {
    unsigned equal = 0;
    for (std::size_t i = 0; i < minhash_size; ++i) equal += a[i] == b[i] ? 1U : 0U;
    return equal;
}

double exact_jaccard(const std::vector<std::uint64_t>& a, const std::vector<std::uint64_t>& b) {
    std::size_t both = 0;
    for (std::size_t i = 0, j = 0; i < a.size() && j < b.size();) {
        if (a[i] == b[j]) {
            ++both;
            ++i;
            ++j;
        } else if (a[i] < b[j]) {
            ++i;
        } else {
            ++j;
        }
    }
    const std::size_t either = a.size() + b.size() - both;
    return either == 0 ? 1.0 : static_cast<double>(both) / static_cast<double>(either);
}

Record make_record(const Hash32& datanet_id, const Address& contributor, std::string title,
                   std::string text, std::string source, std::string licence,
                   const Hash32& batch_salt) {
    Record record;
    Shingles shingles = shingle(text);
    record.datanet_id = datanet_id;
    record.contributor = contributor;
    record.content_hash = content_hash(title, text);
    record.id = record_id(datanet_id, contributor, record.content_hash);
    record.salt = record_salt(batch_salt, record.content_hash);
    record.title = std::move(title);
    record.text = std::move(text);
    record.source = std::move(source);
    record.licence = std::move(licence);
    record.signature = shingles.signature;
    record.shingle_root = shingle_root(shingles.hashes);
    record.word_count = shingles.word_count;
    record.shingle_count = static_cast<std::uint32_t>(shingles.hashes.size());
    return record;
}

} // namespace ol::datanet
