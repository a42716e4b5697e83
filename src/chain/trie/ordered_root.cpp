#include "chain/trie/ordered_root.hpp"

#include <algorithm>
#include <vector>

#include "chain/trie/build.hpp"
#include "chain/trie/node_rlp.hpp"

namespace ol::chain {

Hash32 ordered_trie_root(std::span<const Bytes> values) {
    constexpr std::size_t key_bytes = 9;
    std::vector<std::uint8_t> keys(values.size() * key_bytes);
    std::vector<trie::LeafView> leaves(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) {
        std::uint8_t number[8];
        put_be64(number, i);
        const std::size_t zeros = 8 - trie::length_bytes(i);
        std::uint8_t* const key = keys.data() + i * key_bytes;
        const auto* end = trie::put_string(key, ByteView(number + zeros, 8 - zeros));
        leaves[i] = {ByteView(key, end), values[i]};
    }
    std::sort(leaves.begin(), leaves.end(), [](const auto& a, const auto& b) {
        return std::lexicographical_compare(a.key.begin(), a.key.end(), b.key.begin(), b.key.end());
    });
    return trie::root_of_sorted(leaves);
}

} // namespace ol::chain
