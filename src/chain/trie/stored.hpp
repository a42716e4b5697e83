// How a trie lies in a store (docs/formats/state-database.md): not as nodes but as links, one for
// each child of each large branch, by the child's path. A link is the child's ref and what is
// behind it: another large branch, or only a few leaves, which are then read from the flat values
// and made into nodes again. So a change rewrites some 40 bytes a level, and the leaves are kept
// once. Internal to the rooms trie and state.
#pragma once

#include "chain/trie/trie.hpp"

namespace ol::chain::trie {

// A branch over more leaves than this has links of its own.
inline constexpr std::size_t small_leaves = 24;

class LinkSink {
public:
    virtual ~LinkSink() = default;
    virtual void put(const Path& at, ByteView link) = 0;
    virtual void erase(const Path& at) = 0;
    // All links of the large branch at `at`, as decode_branch reads them; empty when it is gone or
    // no longer large.
    virtual void image(const Path& at, Bytes image) = 0;
    // The leaves behind the link at `at`, as decode_part reads them: only a few, and changed.
    virtual void part(const Path& at, Bytes part) = 0;
};

// Says what changes in the store since the trie was made from it; its refs are computed. The link
// of the root is at the empty path and there is none while the whole trie is small.
// `had_root_link`: the store has one.
void lay_down(Trie& trie, bool had_root_link, LinkSink& sink);

// An image is its children's nibbles and links, ascending. corrupted for other bytes.
void append_to_image(Bytes& image, std::uint8_t nibble, ByteView link);
Result<Branch*> decode_branch(Arena& arena, const Path& at, ByteView image, const NodeRef& ref);
// A small part as it was laid down: the refs of its leaves come with it, so that a change of one
// needs no hash of the others. `at`: where it was. Bytes of this process alone.
Node* decode_part(Arena& arena, const Path& at, ByteView part, const NodeRef& known);
// The trie whose root has this link. `source` outlives it.
Result<Trie> open_stored(Source& source, ByteView link);

} // namespace ol::chain::trie
