// The proof of a fault that was found. Its evidence is what verify_proof asks for, no more.
#include <algorithm>

#include "attribution/suffix/proof/find_fault.hpp"
#include "attribution/suffix/proof/proof_writer.hpp"

namespace ol::attribution::suffix {

namespace {

using u32 = std::uint32_t;
using Items = ProofWriter::Items;

class FaultProof {
public:
    FaultProof(const IndexTrees& trees, const FoundFault& fault)
        : trees_(trees)
        , arrays_(trees.arrays)
        , fault_(fault)
        , writer_(trees, fault.kind) {}

    Bytes make() {
        switch (fault_.kind) {
        case FaultKind::inverse:
            inverse();
            break;
        case FaultKind::order:
            order();
            break;
        case FaultKind::list_order:
            list_order();
            break;
        case FaultKind::slot:
            slot();
            break;
        case FaultKind::table_order:
            table_order();
            break;
        case FaultKind::separator:
            separator();
            break;
        case FaultKind::cluster:
            cluster();
            break;
        case FaultKind::owner_order:
            owner_order();
            break;
        case FaultKind::form:
            form();
            break;
        }
        return writer_.take();
    }

private:
    // An item and the one after it, where there is one.
    static Items with_next(std::uint64_t item, std::uint64_t count) {
        return item + 1 < count ? Items{item, item + 1} : Items{item};
    }

    void inverse() {
        writer_.u32(fault_.at);
        writer_.suffix_array({fault_.at});
        const u32 position = arrays_.suffixes[fault_.at];
        if (position < arrays_.count()) writer_.inverse({position});
    }

    void order() {
        writer_.u32(fault_.at);
        writer_.suffix_array({fault_.at, fault_.at + 1});
        const u32 a = arrays_.suffixes[fault_.at], b = arrays_.suffixes[fault_.at + 1];
        writer_.text({a, b});
        const bool tails = arrays_.word_at(a) == arrays_.word_at(b) && a + 1 < arrays_.count() &&
                           b + 1 < arrays_.count();
        if (tails) writer_.inverse({a + 1, b + 1});
    }

    void list_order() {
        writer_.u32(fault_.at);
        writer_.owners({fault_.at});
        writer_.u32(fault_.second);
        writer_.list(fault_.at, with_next(fault_.second, trees_.lists.size_of(fault_.at)));
    }

    void slot() {
        writer_.u32(fault_.at);
        writer_.suffix_array({fault_.at});
        const u32 record = arrays_.record_at(arrays_.suffixes[fault_.at]);
        writer_.u32(record);
        writer_.table(with_next(record, arrays_.records));
        const Address owner = arrays_.table(record).owner;
        const auto& owners = trees_.lists.owners;
        const auto at = static_cast<std::size_t>(
            std::lower_bound(owners.begin(), owners.end(), owner) - owners.begin());
        if (at == owners.size() || owners[at] != owner) {
            writer_.u8(0);
            Items neighbours;
            if (at > 0) neighbours.push_back(at - 1);
            if (at < owners.size()) neighbours.push_back(at);
            if (!neighbours.empty()) writer_.owners(neighbours);
            return;
        }
        writer_.u8(1);
        writer_.owners({at});
        writer_.slots({fault_.at});
        const u32 place = trees_.lists.slots[fault_.at];
        if (place < trees_.lists.size_of(at)) writer_.list(at, {place});
    }

    void table_order() {
        writer_.u32(fault_.at);
        writer_.table(with_next(fault_.at, arrays_.records));
    }

    void separator() {
        writer_.u32(fault_.at);
        writer_.u32(fault_.second);
        writer_.text({fault_.second});
        if (fault_.at + 1 < arrays_.records) writer_.table({fault_.at + 1});
    }

    void cluster() {
        writer_.u32(fault_.at);
        const u32 head = arrays_.table(fault_.at).cluster;
        writer_.table(head < fault_.at ? Items{head, fault_.at} : Items{fault_.at});
    }

    void owner_order() {
        writer_.u32(fault_.at);
        writer_.owners(with_next(fault_.at, trees_.lists.owners.size()));
    }

    // Of the text alone: the other arrays are numbers, and every number has its form.
    void form() {
        writer_.u8(static_cast<std::uint8_t>(TreeId::text));
        writer_.u32(fault_.second);
        Bytes leaf;
        trees_.append_text_leaf(fault_.second, leaf);
        writer_.u16(static_cast<u32>(leaf.size()));
        writer_.bytes(leaf);
        const std::uint64_t index = fault_.second;
        writer_.hashes(trees_.text.open({&index, 1}));
    }

    const IndexTrees& trees_;
    const SegmentArrays& arrays_;
    const FoundFault& fault_;
    ProofWriter writer_;
};

} // namespace

Bytes prove_fault(const IndexTrees& trees, const FoundFault& fault) {
    return FaultProof(trees, fault).make();
}

} // namespace ol::attribution::suffix
