#include "ommers.hpp"

#include <algorithm>
#include <set>

namespace ol::conformance {

using namespace ol::chain;

Status check_ommers(const ChainConfig& config, const Block& block,
                    const std::vector<const Block*>& ancestors) {
    constexpr std::size_t oldest = 6; // generations between a block and its ommer
    std::set<Hash32> taken;           // ancestors, and ommers that one of them names already
    for (std::size_t i = 0; i < ancestors.size() && i <= oldest; ++i) {
        taken.insert(hash(ancestors[i]->header));
        for (const auto& ommer : ancestors[i]->ommers) taken.insert(hash(ommer));
    }
    for (const auto& ommer : block.ommers) {
        if (!taken.insert(hash(ommer)).second) {
            return fail(ErrorCode::unverified, "ommers: one is known already");
        }
        // Its parent is an ancestor, but not the block's own parent.
        const Header* parent = nullptr;
        for (std::size_t i = 1; i < ancestors.size() && i <= oldest; ++i) {
            if (hash(ancestors[i]->header) == ommer.parent_hash) parent = &ancestors[i]->header;
        }
        if (parent == nullptr) {
            return fail(ErrorCode::unverified, "ommers: the parent of one is no near ancestor");
        }
        OL_TRY_IN(validate_header(config, *parent, ommer), "ommers");
    }
    return {};
}

} // namespace ol::conformance
