// Trie: byte strings to numbers, asked for all prefixes of a text. Nodes are numbers, edges one
// hash table.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <vector>

#include "model/tokenizer/pair_table.hpp"

namespace ol::model {

class Trie {
public:
    static constexpr std::uint32_t none = 0xffffffff;

    // A key that is there already takes the new value. The empty key is ignored.
    void insert(std::string_view key, std::uint32_t value) {
        if (key.empty()) return;
        std::uint32_t node = 0;
        for (const char c : key) {
            const auto edge = edge_of(node, c);
            auto next = edges_.find(edge).rank;
            if (next == PairTable::none) {
                next = static_cast<std::uint32_t>(values_.size());
                values_.push_back(none);
                edges_.insert(edge, {next, 0});
            }
            node = next;
        }
        values_[node] = value;
        first_[static_cast<std::uint8_t>(key[0])] = 1;
    }

    bool empty() const { return values_.size() == 1; }
    // Whether some key begins with this byte.
    bool may_start(char c) const { return first_[static_cast<std::uint8_t>(c)] != 0; }

    // visit(bytes, value) for each key that text[at...] begins with, the shortest first.
    template <class Visit>
    void each_prefix(std::string_view text, std::size_t at, Visit&& visit) const {
        std::uint32_t node = 0;
        for (std::size_t i = at; i < text.size(); ++i) {
            node = edges_.find(edge_of(node, text[i])).rank;
            if (node == PairTable::none) return;
            if (values_[node] != none) visit(i + 1 - at, values_[node]);
        }
    }

    struct Found {
        std::size_t size = 0; // 0: nothing
        std::uint32_t value = none;
    };
    Found longest(std::string_view text, std::size_t at) const {
        Found out;
        if (at < text.size() && may_start(text[at])) {
            each_prefix(text, at, [&](std::size_t size, std::uint32_t value) {
                out = {size, value};
            });
        }
        return out;
    }

private:
    static std::uint64_t edge_of(std::uint32_t node, char c) {
        return static_cast<std::uint64_t>(node) << 8 | static_cast<std::uint8_t>(c);
    }

    PairTable edges_;
    std::vector<std::uint32_t> values_ = {none};
    std::array<std::uint8_t, 256> first_{};
};

} // namespace ol::model
