// Changes of accounts or slots on their way into a trie: keys and values packed one after another.
// Internal to the state room.
#pragma once

#include <algorithm>
#include <vector>

#include "chain/state/account_rlp.hpp"
#include "chain/trie/update.hpp"

namespace ol::chain {

// The code of accounts that have none.
const CodePtr& empty_code();

class TrieChanges {
public:
    void put_account(const Hash32& key, const Account& account) {
        Row& row = rows_.emplace_back();
        row.key = key;
        row.size = static_cast<std::uint8_t>(chain::put_account(row.value, account));
    }
    // Zero removes it.
    void put_slot(const Hash32& key, const U256& value) {
        Row& row = rows_.emplace_back();
        row.key = key;
        if (!value.is_zero()) {
            row.size = static_cast<std::uint8_t>(chain::put_slot(row.value, value));
        }
    }
    void erase(const Hash32& key) { rows_.emplace_back().key = key; }

    bool is_empty() const { return rows_.empty(); }
    void clear() { rows_.clear(); }

    // Ascending; the views hold until the next put. A key comes once.
    std::vector<trie::Change> sorted() const {
        std::vector<trie::Change> out;
        out.reserve(rows_.size());
        for (const Row& row : rows_) {
            out.push_back({row.key.view(), ByteView(row.value, row.size)});
        }
        std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
            return std::memcmp(a.key.data(), b.key.data(), 32) < 0;
        });
        return out;
    }

private:
    struct Row {
        Hash32 key;
        std::uint8_t size = 0; // zero: it goes away
        std::uint8_t value[account_rlp_bytes];
    };
    std::vector<Row> rows_;
};

} // namespace ol::chain
