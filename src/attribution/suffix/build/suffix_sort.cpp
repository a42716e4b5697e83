#include "attribution/suffix/build/suffix_sort.hpp"

#include <algorithm>
#include <atomic>
#include <bit>
#include <vector>

#include "attribution/suffix/build/induce.hpp"
#include "attribution/suffix/build/radix_sort.hpp"
#include "attribution/suffix/build/sais.hpp"
#include "base/check.hpp"
#include "base/huge_array.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using u64 = std::uint64_t;

// Suffixes that share so many symbols are told apart by the order of the LMS suffixes after them.
constexpr u32 symbol_depth = 16;
// Monotone stretches hold no LMS suffix; two that agree for longer than this are left to SA-IS.
constexpr u32 max_symbol_depth = 4096;
// Passes over all LMS suffixes that sorting may cost before SA-IS takes over.
constexpr u64 budget_passes = 64;
constexpr std::size_t small_text = 4096; // SA-IS is as good

// One LMS suffix while it is sorted. Packed, because there is one for every third symbol, and new
// memory costs more than what is done with it.
struct [[gnu::packed, gnu::aligned(4)]] Item {
    u64 key;
    u32 position;
};
static_assert(sizeof(Item) == 12);

// Items [begin, end) whose order is that of the LMS suffixes `jump` symbols further.
struct Group {
    u32 begin, end, jump;
};

class Sorter {
public:
    Sorter(std::span<const u32> text, u32 alphabet, ThreadPool& pool)
        : text_(text)
        , alphabet_(alphabet)
        , bits_(static_cast<u32>(std::bit_width(std::uint64_t{alphabet})))
        , symbols_per_key_(64 / bits_)
        , pool_(pool) {}

    enum class Outcome { done, too_repetitive, stopped };
    Outcome run(std::span<u32> out, const ProgressSink& progress);

private:
    std::span<const u32> find_lms(std::span<u32> scratch);
    void scatter(std::span<const u32> lms);
    u64 key_at(u32 position) const;
    bool sort_buckets();
    void sort_groups(std::vector<Group> groups, std::vector<Group>& tied);
    template <class Touch, class Visit>
    void sweep(std::span<const Group> groups, Touch touch, Visit visit);
    u32 jump_of(u32 position, u32 depth) const;
    bool spend(u64 items) { return (spent_ += items) <= budget_passes * items_.size(); }
    bool sort_tied(std::span<u32> out);
    void sort_by_rank(std::span<const Group> groups, std::vector<Group>& tied);
    void place(std::span<u32> out);

    std::span<const u32> text_;
    u32 alphabet_, bits_, symbols_per_key_;
    ThreadPool& pool_;

    std::vector<u32> counts_;     // occurrences of each letter
    std::vector<u32> lms_starts_; // alphabet + 1: items of each first letter
    HugeArray<Item> items_;
    std::vector<Group> tied_;
    // Both lie in the result until it is filled. LMS positions are never neighbours, and a group
    // has at least two items: half of a position or of a begin tells them apart.
    std::span<u32> rank_of_; // of the LMS suffix at 2 i or 2 i + 1: where its group begins
    std::span<u32> jump_;    // of the group that begins at 2 i or 2 i + 1
    std::atomic<u64> spent_{0};
};

// The LMS positions, descending, in `scratch`, which is as long as the text.
std::span<const u32> Sorter::find_lms(std::span<u32> scratch) {
    const std::size_t count = text_.size();
    counts_.assign(alphabet_, 0);
    lms_starts_.assign(std::size_t{alphabet_} + 1, 0);
    std::size_t found = 0; // a slot is written always, kept where it counts
    bool is_s = false;     // of i + 1; the last suffix is L-type
    u32 next = text_[count - 1];
    ++counts_[next];
    for (std::size_t i = count - 1; i-- > 0;) {
        const u32 letter = text_[i];
        ++counts_[letter];
        const bool s = (letter < next) | ((letter == next) & is_s);
        const bool lms = is_s & !s;
        scratch[found] = static_cast<u32>(i + 1);
        found += lms;
        lms_starts_[next + 1] += lms;
        is_s = s;
        next = letter;
    }
    for (std::size_t c = 0; c < alphabet_; ++c) lms_starts_[c + 1] += lms_starts_[c];
    return scratch.first(found);
}

// The next symbols from `position`, each plus one, the end of text as zero.
u64 Sorter::key_at(u32 position) const {
    u64 key = 0;
    const u32 count = static_cast<u32>(text_.size());
    if (position + symbols_per_key_ <= count) {
        for (u32 d = 0; d < symbols_per_key_; ++d) key = key << bits_ | (text_[position + d] + 1);
        return key;
    }
    for (u32 d = 0; d < symbols_per_key_; ++d) {
        key = key << bits_ | (position + d < count ? text_[position + d] + 1 : 0);
    }
    return key;
}

void Sorter::scatter(std::span<const u32> lms) {
    items_ = HugeArray<Item>(lms.size());
    std::vector<u32> next(lms_starts_.begin(), lms_starts_.end() - 1);
    constexpr std::size_t ahead = 16;
    for (std::size_t k = 0; k < lms.size(); ++k) {
        if (k + 2 * ahead < lms.size()) {
            __builtin_prefetch(&next[text_[lms[k + 2 * ahead]]], 1);
            __builtin_prefetch(&items_[next[text_[lms[k + ahead]]]], 1);
        }
        const u32 position = lms[k];
        items_[next[text_[position]]++] = {key_at(position + 1), position};
    }
}

// How many symbols further the order of two suffixes is decided that share `depth` symbols with
// this one: at the last LMS position whose type those symbols alone determine. 0 when there is
// none.
u32 Sorter::jump_of(u32 position, u32 depth) const {
    const u64 end = std::min<u64>(u64{position} + depth, text_.size());
    u32 jump = 0, fallen = 0; // to where the symbols fell last, 0 when they rose since
    for (u64 p = u64{position} + 1; p < end; ++p) {
        if (text_[p] < text_[p - 1]) {
            fallen = static_cast<u32>(p - position);
        } else if (text_[p] > text_[p - 1]) {
            if (fallen > 0) jump = fallen;
            fallen = 0;
        }
    }
    return jump;
}

// The items of all groups, with the item some places ahead, so that what `visit` will read can be
// fetched early.
template <class Touch, class Visit>
void Sorter::sweep(std::span<const Group> groups, Touch touch, Visit visit) {
    constexpr u32 ahead = 24;
    std::size_t g = 0; // of the item ahead
    u32 k = groups.empty() ? 0 : groups[0].begin;
    const auto step = [&] {
        if (g == groups.size()) return;
        touch(items_[k], groups[g]);
        if (++k == groups[g].end && ++g < groups.size()) k = groups[g].begin;
    };
    for (u32 i = 0; i < ahead; ++i) step();
    for (const auto& group : groups) {
        for (u32 i = group.begin; i < group.end; ++i) {
            step();
            visit(items_[i], group);
        }
    }
}

// Sorts groups whose items hold the keys at `depth`, then what is still equal by the keys behind,
// all groups a step at a time.
void Sorter::sort_groups(std::vector<Group> groups, std::vector<Group>& tied) {
    std::vector<Item> scratch;
    std::vector<Group> open;
    for (u32 depth = 1; !groups.empty(); std::swap(groups, open)) {
        depth += symbols_per_key_;
        if (depth > max_symbol_depth) spend(budget_passes * items_.size());
        open.clear();
        u64 items = 0;
        for (const auto& group : groups) {
            sort_by_key(std::span<Item>(items_.data() + group.begin, group.end - group.begin),
                        scratch);
            for (u32 i = group.begin; i < group.end;) {
                u32 j = i + 1;
                while (j < group.end && items_[j].key == items_[i].key) ++j;
                if (j - i > 1) {
                    const u32 jump = depth >= symbol_depth ? jump_of(items_[i].position, depth) : 0;
                    (jump > 0 ? tied : open).push_back({i, j, jump});
                    if (jump == 0) items += j - i;
                }
                i = j;
            }
        }
        if (!spend(items)) return;
        sweep(
            open,
            [&](const Item& item, const Group&) {
                __builtin_prefetch(text_.data() + item.position + depth);
            },
            [&](Item& item, const Group&) { item.key = key_at(item.position + depth); });
    }
}

// Each first letter's items by what follows, several letters a task.
bool Sorter::sort_buckets() {
    std::vector<u32> tasks{0};
    const u32 wanted = static_cast<u32>(items_.size() / (pool_.threads() * 32)) + 1;
    for (u32 c = 0; c < alphabet_; ++c) {
        if (lms_starts_[c + 1] - lms_starts_[tasks.back()] >= wanted) tasks.push_back(c + 1);
    }
    if (tasks.back() != alphabet_) tasks.push_back(alphabet_);
    std::vector<std::vector<Group>> tied(tasks.size() - 1);
    pool_.parallel_for(tied.size(), 1, [&](std::size_t from, std::size_t to) {
        for (std::size_t t = from; t < to; ++t) {
            std::vector<Group> groups;
            for (u32 c = tasks[t]; c < tasks[t + 1]; ++c) {
                if (lms_starts_[c + 1] - lms_starts_[c] > 1) {
                    groups.push_back({lms_starts_[c], lms_starts_[c + 1], 0});
                }
            }
            sort_groups(std::move(groups), tied[t]);
        }
    });
    for (const auto& part : tied) tied_.insert(tied_.end(), part.begin(), part.end());
    return spend(0);
}

// Groups by the ranks of the suffixes `jump` symbols further.
void Sorter::sort_by_rank(std::span<const Group> groups, std::vector<Group>& tied) {
    std::vector<Item> scratch;
    sweep(
        groups,
        [&](const Item& item, const Group& group) {
            __builtin_prefetch(&rank_of_[(item.position + group.jump) / 2]);
        },
        [&](Item& item, const Group& group) {
            item.key = rank_of_[(item.position + group.jump) / 2];
        });
    for (const auto& group : groups) {
        sort_by_key(std::span<Item>(items_.data() + group.begin, group.end - group.begin), scratch);
        for (u32 i = group.begin; i < group.end;) {
            u32 j = i + 1;
            while (j < group.end && items_[j].key == items_[i].key) ++j;
            if (j - i > 1) tied.push_back({i, j, group.jump + jump_[items_[i].key / 2]});
            i = j;
        }
    }
}

// Rounds as in Larsson and Sadakane, "Faster suffix sorting" (2007): each at least doubles what
// the members of a group share.
bool Sorter::sort_tied(std::span<u32> out) {
    if (tied_.empty()) return true;
    rank_of_ = out.first((out.size() + 1) / 2);
    jump_ = out.subspan(rank_of_.size(), (items_.size() + 1) / 2);
    pool_.parallel_for(items_.size(), 1 << 14, [&](std::size_t from, std::size_t to) {
        for (std::size_t i = from; i < to; ++i)
            rank_of_[items_[i].position / 2] = static_cast<u32>(i);
    });
    const auto publish = [&](const std::vector<Group>& groups) {
        pool_.parallel_for(groups.size(), 64, [&](std::size_t from, std::size_t to) {
            for (std::size_t g = from; g < to; ++g) {
                const auto& [begin, end, jump] = groups[g];
                for (u32 k = begin; k < end; ++k) rank_of_[items_[k].position / 2] = begin;
                jump_[begin / 2] = jump;
            }
        });
    };
    publish(tied_);
    while (!tied_.empty()) {
        u64 items = 0;
        for (const auto& group : tied_) items += group.end - group.begin;
        if (!spend(items)) return false;
        constexpr std::size_t task = 4096;
        std::vector<std::vector<Group>> parts((tied_.size() + task - 1) / task);
        pool_.parallel_for(parts.size(), 1, [&](std::size_t from, std::size_t to) {
            for (std::size_t p = from; p < to; ++p) {
                const std::span<const Group> all(tied_);
                sort_by_rank(all.subspan(p * task, std::min(task, all.size() - p * task)),
                             parts[p]);
            }
        });
        // Only now do the ranks change, so that every group was sorted by the same ones.
        pool_.parallel_for(tied_.size(), 64, [&](std::size_t from, std::size_t to) {
            for (std::size_t g = from; g < to; ++g) {
                for (u32 k = tied_[g].begin; k < tied_[g].end; ++k)
                    rank_of_[items_[k].position / 2] = k;
            }
        });
        tied_.clear();
        for (const auto& part : parts) tied_.insert(tied_.end(), part.begin(), part.end());
        publish(tied_);
    }
    return true;
}

// The sorted LMS suffixes to the ends of their letters' buckets.
void Sorter::place(std::span<u32> out) {
    std::fill(out.begin(), out.end(), induce_empty);
    u64 end = 0;
    for (u32 c = 0; c < alphabet_; ++c) {
        end += counts_[c];
        const u32 size = lms_starts_[c + 1] - lms_starts_[c];
        for (u32 k = 0; k < size; ++k) {
            out[end - size + k] = items_[lms_starts_[c] + k].position;
        }
    }
}

Sorter::Outcome Sorter::run(std::span<u32> out, const ProgressSink& progress) {
    // Shares of the time that the steps take in natural text, in percent.
    const auto go_on = [&](u64 percent) {
        return progress("suffix array", text_.size() * percent / 100, text_.size());
    };
    if (!go_on(0)) return Outcome::stopped;
    scatter(find_lms(out));
    if (!go_on(20)) return Outcome::stopped;
    if (!sort_buckets()) return Outcome::too_repetitive;
    if (!go_on(60)) return Outcome::stopped;
    if (!sort_tied(out)) return Outcome::too_repetitive;
    if (!go_on(75)) return Outcome::stopped;
    place(out);
    lms_starts_ = {};
    induce_from_lms(text_, counts_, out);
    return go_on(100) ? Outcome::done : Outcome::stopped;
}

} // namespace

bool sort_suffixes(std::span<const u32> text, u32 alphabet, std::span<u32> out, ThreadPool& pool,
                   const ProgressSink& progress) {
    OL_CHECK(out.size() == text.size() && text.size() <= (std::size_t{1} << 31));
    if (text.size() >= small_text && alphabet < 1U << 31) {
        Sorter sorter(text, alphabet, pool);
        const auto outcome = sorter.run(out, progress);
        if (outcome != Sorter::Outcome::too_repetitive) return outcome == Sorter::Outcome::done;
    }
    if (!progress("suffix array", 0, text.size())) return false;
    suffix_array_into(text, alphabet, out);
    return true;
}

} // namespace ol::attribution::suffix
