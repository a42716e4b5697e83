// The search for a fault in a segment's arrays and its owners' lists.
#pragma once

#include <optional>
#include <string>

#include "attribution/suffix/proof/proof.hpp"
#include "attribution/suffix/proof/trees.hpp"

namespace ol::attribution::suffix {

// The trees of a commitment, as a proof about the form of a leaf names them.
enum class TreeId : std::uint8_t {
    text = 1,
    suffix_array = 2,
    inverse = 3,
    slot = 4,
    table = 5,
    owners = 6,
    list = 7, // of an owner
};

struct FoundFault {
    FaultKind kind = FaultKind::form;
    std::string text;
    // Where: inverse, order, slot: a rank. list_order: an owner and a place of his list.
    // table_order, cluster: a record. separator: a record and a position. owner_order: an owner.
    // form: a TreeId and a leaf.
    std::uint32_t at = 0, second = 0;
};

// The first fault, in the order that Prover::find_fault says. Without lists only the segment's own.
// Safe on any arrays (all of the text's length) and lists that fit.
std::optional<FoundFault> find_fault(const SegmentArrays& arrays, const OwnerLists* lists,
                                     ThreadPool* pool);
Bytes prove_fault(const IndexTrees& trees, const FoundFault& fault);

} // namespace ol::attribution::suffix
