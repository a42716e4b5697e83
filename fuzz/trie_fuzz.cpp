// decode_node must refuse or read any bytes, and writes what it read in the same way; a proof made
// of any bytes must not verify against a root that nobody knows a preimage of.
#include <cstdint>
#include <cstdlib>

#include "chain/trie/decode.hpp"
#include "chain/trie/proof.hpp"
#include "chain/trie/refs.hpp"
#include "crypto/hash.hpp"

using namespace ol;
using namespace ol::chain;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const ByteView bytes(data, size);
    trie::Arena arena;
    const auto ref = trie::NodeRef::of_hash(Hash32{});
    for (const std::size_t depth : {0, 1, 62, 63, 64}) {
        const std::uint8_t zeros[32] = {};
        const auto node = trie::decode_node(arena, trie::Path(zeros, depth), bytes, ref);
        if (!node) continue;
        Bytes again;
        trie::append_rlp(again, **node);
        if (again != Bytes(data, data + size)) std::abort();
    }
    // As a proof of the root that it has, cut into nodes by a length byte each.
    std::vector<Bytes> nodes;
    for (ByteView rest = bytes; !rest.empty();) {
        const std::size_t length = std::min<std::size_t>(rest[0], rest.size() - 1);
        nodes.emplace_back(rest.begin() + 1, rest.begin() + 1 + static_cast<long>(length));
        rest = rest.subspan(1 + length);
    }
    const Hash32 key = crypto::keccak256("key");
    if (!nodes.empty()) (void)trie::verify_proof(crypto::keccak256(nodes[0]), key.view(), nodes);
    if (trie::verify_proof(Hash32{}, key.view(), nodes)) std::abort();
    return 0;
}
