#include "model/tokenizer.hpp"

#include <array>
#include <queue>

#include "model/pre_tokenize.hpp"
#include "model/tokenizer_impl.hpp"

namespace ol::model {

namespace {

// Words up to this many bytes are merged by scanning all pairs, longer ones with a heap.
constexpr std::size_t scan_limit = 32;

// The lowest rank first, the leftmost of equals: what repeated scanning would choose.
struct Candidate {
    std::uint32_t rank = 0;
    std::uint32_t position = 0;
    TokenId left = 0, right = 0, merged = 0;
    bool operator>(const Candidate& other) const {
        return std::pair(rank, position) > std::pair(other.rank, other.position);
    }
};

void merge_by_scan(const PairTable& ranks, TokenId* symbols, std::size_t& size) {
    std::array<PairTable::Entry, scan_limit> found;
    for (std::size_t i = 0; i + 1 < size; ++i)
        found[i] = ranks.find(pair_key(symbols[i], symbols[i + 1]));
    while (size > 1) {
        std::size_t best = 0;
        for (std::size_t i = 1; i + 1 < size; ++i) {
            if (found[i].rank < found[best].rank) best = i;
        }
        if (found[best].rank == PairTable::none) return;
        symbols[best] = found[best].merged;
        for (std::size_t i = best + 1; i + 1 < size; ++i) {
            symbols[i] = symbols[i + 1];
            found[i] = i + 2 < size ? found[i + 1] : PairTable::Entry{};
        }
        --size;
        if (best > 0) found[best - 1] = ranks.find(pair_key(symbols[best - 1], symbols[best]));
        found[best] = best + 1 < size ? ranks.find(pair_key(symbols[best], symbols[best + 1]))
                                      : PairTable::Entry{};
    }
}

void merge_by_heap(const PairTable& ranks, std::vector<TokenId>& symbols) {
    constexpr auto none = static_cast<std::uint32_t>(-1);
    const auto size = static_cast<std::uint32_t>(symbols.size());
    std::vector<std::uint32_t> previous(size), next(size);
    std::vector<std::uint8_t> alive(size, 1);
    for (std::uint32_t i = 0; i < size; ++i) {
        previous[i] = i == 0 ? none : i - 1;
        next[i] = i + 1 < size ? i + 1 : none;
    }
    std::priority_queue<Candidate, std::vector<Candidate>, std::greater<>> heap;
    auto consider = [&](std::uint32_t i) {
        if (i == none || next[i] == none) return;
        const auto entry = ranks.find(pair_key(symbols[i], symbols[next[i]]));
        if (entry.rank != PairTable::none) {
            heap.push({entry.rank, i, symbols[i], symbols[next[i]], entry.merged});
        }
    };
    for (std::uint32_t i = 0; i < size; ++i) consider(i);
    while (!heap.empty()) {
        const auto top = heap.top();
        heap.pop();
        const auto i = top.position;
        if (alive[i] == 0 || next[i] == none || symbols[i] != top.left ||
            symbols[next[i]] != top.right) {
            continue; // a merge before it took one of its halves
        }
        const auto gone = next[i];
        symbols[i] = top.merged;
        alive[gone] = 0;
        next[i] = next[gone];
        if (next[i] != none) previous[next[i]] = i;
        consider(previous[i]);
        consider(i);
    }
    std::size_t kept = 0;
    for (std::uint32_t i = 0; i < size; ++i) {
        if (alive[i] != 0) symbols[kept++] = symbols[i];
    }
    symbols.resize(kept);
}

} // namespace

void Tokenizer::Impl::encode_word(std::string_view word, std::vector<TokenId>& out) const {
    if (word.size() <= scan_limit) {
        std::array<TokenId, scan_limit> symbols;
        std::size_t size = 0;
        for (const char c : word) symbols[size++] = byte_ids[static_cast<std::uint8_t>(c)];
        merge_by_scan(ranks, symbols.data(), size);
        out.insert(out.end(), symbols.begin(), symbols.begin() + static_cast<std::ptrdiff_t>(size));
        return;
    }
    std::vector<TokenId> symbols;
    symbols.reserve(word.size());
    for (const char c : word) symbols.push_back(byte_ids[static_cast<std::uint8_t>(c)]);
    merge_by_heap(ranks, symbols);
    out.insert(out.end(), symbols.begin(), symbols.end());
}

void Tokenizer::Impl::encode_text(std::string_view text, std::vector<TokenId>& out) const {
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t size = next_word(text.substr(at));
        encode_word(text.substr(at, size), out);
        at += size;
    }
}

Tokenizer::Tokenizer(std::unique_ptr<Impl> impl)
    : impl_(std::move(impl)) {}
Tokenizer::Tokenizer(Tokenizer&&) noexcept = default;
Tokenizer& Tokenizer::operator=(Tokenizer&&) noexcept = default;
Tokenizer::~Tokenizer() = default;

std::uint32_t Tokenizer::vocab_size() const {
    return static_cast<std::uint32_t>(impl_->tokens.size());
}

std::vector<TokenId> Tokenizer::encode(std::string_view text, bool allow_special) const {
    std::vector<TokenId> out;
    out.reserve(text.size() / 3 + 4);
    if (!allow_special || impl_->specials.empty()) {
        impl_->encode_text(text, out);
        return out;
    }
    std::size_t start = 0, at = 0;
    while (at < text.size()) {
        // The longest special token that is written here, as Hugging Face's matcher.
        const std::pair<std::string, TokenId>* longest = nullptr;
        for (const auto& special : impl_->specials) {
            if (text[at] == special.first[0] && text.substr(at).starts_with(special.first) &&
                (longest == nullptr || special.first.size() > longest->first.size())) {
                longest = &special;
            }
        }
        if (longest == nullptr) {
            ++at;
            continue;
        }
        impl_->encode_text(text.substr(start, at - start), out);
        out.push_back(longest->second);
        at += longest->first.size();
        start = at;
    }
    impl_->encode_text(text.substr(start), out);
    return out;
}

std::string Tokenizer::decode(const std::vector<TokenId>& ids, bool with_special) const {
    std::string out;
    for (const auto id : ids) {
        if (id >= impl_->tokens.size()) continue; // a padded head may name ids that have no text
        if (impl_->is_special[id] != 0 && !with_special) continue;
        out += impl_->tokens[id];
    }
    return out;
}

Result<TokenId> Tokenizer::special(std::string_view token) const {
    for (const auto& [text, id] : impl_->specials) {
        if (text == token) return id;
    }
    return fail(ErrorCode::not_found, "the tokenizer has no special token '{}'", token);
}

} // namespace ol::model
