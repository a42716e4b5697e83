#include "attribution/suffix/proof/find_fault.hpp"

#include <algorithm>
#include <atomic>

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using Found = std::optional<FoundFault>;

constexpr u32 prefetch_distance = 24;
constexpr u32 nowhere = 0xffffffff;

template <class... Args>
FoundFault fault(FaultKind kind, u32 at, u32 second, fmt::format_string<Args...> text,
                 Args&&... args) {
    return {kind, fmt::format(text, std::forward<Args>(args)...), at, second};
}

void lower(std::atomic<u32>& first, u32 value) {
    u32 seen = first.load();
    while (value < seen && !first.compare_exchange_weak(seen, value)) {
    }
}

class Search {
public:
    Search(const SegmentArrays& arrays, const OwnerLists* lists, ThreadPool* pool)
        : arrays_(arrays)
        , lists_(lists)
        , pool_(pool)
        , count_(arrays.count())
        , words_in_order_(in_order(arrays.words)) {}

    Found run() const {
        for (const auto check : {&Search::form, &Search::table, &Search::clusters,
                                 &Search::separators, &Search::order}) {
            if (auto found = (this->*check)()) return found;
        }
        if (lists_ == nullptr) return std::nullopt;
        for (const auto check : {&Search::owners, &Search::list_order, &Search::slots}) {
            if (auto found = (this->*check)()) return found;
        }
        return std::nullopt;
    }

private:
    static bool in_order(std::span<const text::SymbolWord> words) {
        for (std::size_t d = 1; d < words.size(); ++d) {
            if (!(words[d - 1] < words[d])) return false;
        }
        return true;
    }

    template <class Body>
    void over(std::size_t count, const Body& body) const {
        if (pool_ != nullptr && count > 0) {
            pool_->parallel_for(count, 1U << 14, body);
        } else {
            body(0, count);
        }
    }

    u32 record_end(u32 record) const {
        return record + 1 < arrays_.records ? arrays_.table(record + 1).offset : count_;
    }

    // Every rank of the text is a separator or a word of the dictionary that has a short form.
    Found form() const {
        std::vector<bool> good(arrays_.words.size());
        for (std::size_t d = 0; d < good.size(); ++d) {
            const auto& word = arrays_.words[d];
            good[d] = !text::is_separator(word) && word[text::symbol_max_bytes] == 0;
        }
        std::atomic<u32> first{nowhere};
        over(count_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t p = begin; p < end; ++p) {
                const u32 rank = arrays_.text[p];
                if (rank < arrays_.records) continue;
                const u32 word = rank - arrays_.records;
                if (word < good.size() && good[word]) continue;
                return lower(first, static_cast<u32>(p));
            }
        });
        if (first == nowhere) return std::nullopt;
        return fault(FaultKind::form, static_cast<u32>(TreeId::text), first / symbols_per_leaf,
                     "position {} holds no word", first.load());
    }

    Found table() const {
        for (u32 r = 0; r < arrays_.records; ++r) {
            const u32 offset = arrays_.table(r).offset;
            if ((r == 0 && offset != 0) || offset >= record_end(r)) {
                return fault(FaultKind::table_order, r, 0,
                             "record {} from {} to {} has no place in the text", r, offset,
                             record_end(r));
            }
        }
        return std::nullopt;
    }

    Found clusters() const {
        for (u32 r = 0; r < arrays_.records; ++r) {
            const u32 head = arrays_.table(r).cluster;
            if (head > r) {
                return fault(FaultKind::cluster, r, 0, "record {} is of the later cluster {}", r,
                             head);
            }
            if (arrays_.table(head).cluster != head) {
                return fault(FaultKind::cluster, r, 0,
                             "record {} is of cluster {}, which is not its own head", r, head);
            }
        }
        return std::nullopt;
    }

    // The offsets ascend, so each record has an end.
    Found separators() const {
        std::atomic<u32> first{nowhere}; // a record with a separator before its end, or none there
        const auto wrong_at = [&](u32 record) {
            const u32 last = record_end(record) - 1;
            u32 p = arrays_.table(record).offset;
            while (p < last && arrays_.text[p] >= arrays_.records) ++p;
            return p < last || arrays_.text[last] != record ? p : nowhere;
        };
        over(arrays_.records, [&](std::size_t begin, std::size_t end) {
            for (std::size_t r = begin; r < end; ++r) {
                if (wrong_at(static_cast<u32>(r)) == nowhere) continue;
                return lower(first, static_cast<u32>(r));
            }
        });
        if (first == nowhere) return std::nullopt;
        const u32 record = first, position = wrong_at(record);
        const u32 found = arrays_.text[position];
        if (found < arrays_.records && position + 1 != record_end(found)) {
            return fault(FaultKind::separator, found, position,
                         "position {} holds no word but the separator of record {}", position,
                         found);
        }
        return fault(FaultKind::separator, record, record_end(record) - 1,
                     "record {} does not end with its separator at position {}", record,
                     record_end(record) - 1);
    }

    bool words_less(u32 a, u32 b) const { return arrays_.word_at(a) < arrays_.word_at(b); }

    // R2 for two positions that are neighbours in SA; all indices are in range.
    bool less(u32 a, u32 b) const {
        const u32 left = arrays_.text[a], right = arrays_.text[b];
        if (left != right) {
            if (words_in_order_) return left < right;
            if (words_less(a, b)) return true;
            if (words_less(b, a)) return false;
        }
        return a + 1 == count_ ||
               (b + 1 < count_ && arrays_.inverse[a + 1] < arrays_.inverse[b + 1]);
    }

    void order_of(u32 begin, u32 end, std::atomic<u32>& first_r1,
                  std::atomic<u32>& first_r2) const {
        const u32* const suffixes = arrays_.suffixes.data();
        bool ordered = true;
        u32 before = begin > 0 ? suffixes[begin - 1] : nowhere;
        for (u32 i = begin; i < end; ++i) {
            if (i + prefetch_distance < end) {
                const u32 ahead = suffixes[i + prefetch_distance];
                if (ahead < count_) {
                    __builtin_prefetch(&arrays_.inverse[ahead]);
                    __builtin_prefetch(&arrays_.text[ahead]);
                }
            }
            const u32 here = suffixes[i];
            if (here >= count_ || arrays_.inverse[here] != i) return lower(first_r1, i);
            if (ordered && before < count_ && !less(before, here)) {
                ordered = false;
                lower(first_r2, i - 1);
            }
            before = here;
        }
    }

    // R1 and R2 in one scan.
    Found order() const {
        std::atomic<u32> first_r1{nowhere}, first_r2{nowhere};
        over(count_, [&](std::size_t begin, std::size_t end) {
            order_of(static_cast<u32>(begin), static_cast<u32>(end), first_r1, first_r2);
        });
        if (first_r1 != nowhere) {
            return fault(FaultKind::inverse, first_r1, 0,
                         "rank {}: the inverse does not lead back to it (R1)", first_r1.load());
        }
        if (first_r2 == nowhere) return std::nullopt;
        return fault(FaultKind::order, first_r2, 0, "ranks {} and {} are out of order (R2)",
                     first_r2.load(), first_r2 + 1);
    }

    Found owners() const {
        const auto& owners = lists_->owners;
        for (std::size_t x = 0; x + 1 < owners.size(); ++x) {
            if (owners[x] < owners[x + 1]) continue;
            return fault(FaultKind::owner_order, static_cast<u32>(x), 0,
                         "owners {} and {} are out of order", x, x + 1);
        }
        if (lists_->ranks.size() == count_) return std::nullopt;
        if (owners.empty()) return std::nullopt; // then some rank's owner has no list
        return fault(FaultKind::owner_order, static_cast<u32>(owners.size() - 1), 0,
                     "the owners' lists have {} entries for {} symbols", lists_->ranks.size(),
                     count_);
    }

    Found list_order() const {
        for (std::size_t x = 0; x < lists_->owners.size(); ++x) {
            const u32* const list = lists_->ranks.data() + lists_->starts[x];
            const u32 size = lists_->size_of(x);
            for (u32 j = 0; j < size; ++j) {
                if (j + 1 < size ? list[j] < list[j + 1] : list[j] < count_) continue;
                return fault(FaultKind::list_order, static_cast<u32>(x), j,
                             "entry {} of the list of owner {} is out of order", j, x);
            }
        }
        return std::nullopt;
    }

    // ISA is right, so the ranks of a record's symbols are where ISA says.
    Found slots() const {
        const auto& owners = lists_->owners;
        for (u32 r = 0; r < arrays_.records; ++r) {
            const Address owner = arrays_.table(r).owner;
            const auto x = static_cast<std::size_t>(
                std::lower_bound(owners.begin(), owners.end(), owner) - owners.begin());
            const bool listed = x < owners.size() && owners[x] == owner;
            const u32 end = record_end(r);
            for (u32 p = arrays_.table(r).offset; p < end; ++p) {
                const u32 rank = arrays_.inverse[p];
                if (p + prefetch_distance < count_) {
                    __builtin_prefetch(&lists_->slots[arrays_.inverse[p + prefetch_distance]]);
                }
                const u32 slot = lists_->slots[rank];
                if (listed && slot < lists_->size_of(x) &&
                    lists_->ranks[lists_->starts[x] + slot] == rank) {
                    continue;
                }
                return fault(FaultKind::slot, rank, 0,
                             "rank {} is not where the lists of the owners say", rank);
            }
        }
        return std::nullopt;
    }

    const SegmentArrays& arrays_;
    const OwnerLists* lists_;
    ThreadPool* pool_;
    u32 count_;
    bool words_in_order_;
};

} // namespace

std::optional<FoundFault> find_fault(const SegmentArrays& arrays, const OwnerLists* lists,
                                     ThreadPool* pool) {
    return Search(arrays, lists, pool).run();
}

} // namespace ol::attribution::suffix
