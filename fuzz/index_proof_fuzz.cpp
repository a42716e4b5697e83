// verify_proof over any bytes: no crash, and against one honest index nothing that it accepts is
// untrue. The first byte picks what the rest changes: a known proof of each kind, or nothing.
#include <algorithm>
#include <cstdint>
#include <cstdlib>

#include "attribution/suffix/proof/proof.hpp"
#include "crypto/merkle.hpp"

namespace {

using namespace ol;
using namespace ol::attribution::suffix;
using Words = std::vector<text::SymbolWord>;

void require(bool holds) {
    if (!holds) std::abort();
}

struct Known {
    Segment segment;
    OwnerLists lists;
    Prover prover;
    Words text, answer;
    Hash32 answer_root;
    std::vector<Bytes> proofs;

    explicit Known(Segment made)
        : segment(std::move(made))
        , lists(OwnerLists::make(segment))
        , prover(segment, lists) {
        for (std::uint32_t p = 0; p < segment.symbol_count(); ++p) {
            text.push_back(segment.word_at(p));
        }
        answer = {text.begin() + 1, text.begin() + 5};
        std::vector<Hash32> leaves;
        for (const auto& word : answer) leaves.push_back(crypto::merkle_leaf(word.view()));
        answer_root = crypto::MerkleTree(leaves).root();
        Address owner;
        owner[0] = 1;
        proofs.push_back(*prover.prove_occurrences({&text[1], 2}, owner));
        proofs.push_back(*prover.prove_span(2, 3));
        proofs.push_back(*prover.prove_longer_match(answer, 0, 4, 1));
    }

    std::uint64_t count(const Words& phrase) const {
        std::uint64_t found = 0;
        for (std::size_t p = 0; p + phrase.size() <= text.size(); ++p) {
            found += std::equal(phrase.begin(), phrase.end(),
                                text.begin() + static_cast<std::ptrdiff_t>(p));
        }
        return found;
    }
};

const Known& known() {
    static const Known made = [] {
        std::vector<SourceRecord> records(3);
        records[0].text = "one two three one two four one two three five";
        records[1].text = "two three one two three four";
        records[2].text = "six one two";
        for (std::uint32_t r = 0; r < records.size(); ++r) {
            records[r].owner[0] = static_cast<std::uint8_t>(1 + r % 2);
            records[r].cluster = r;
        }
        ThreadPool pool(1);
        const Path path = std::filesystem::temp_directory_path() /
                          fmt::format("ol-index-proof-fuzz-{}", std::rand());
        auto segment = Segment::build(records, path, pool);
        require(segment.has_value());
        std::filesystem::remove(path);
        return Known(std::move(*segment));
    }();
    return made;
}

void check(const Known& index, const Claim& claim) {
    require(claim.kind != Claim::Kind::order_fault); // it has none
    if (claim.kind == Claim::Kind::occurrences) {
        require(claim.count == index.count(claim.phrase));
        require(claim.owner_count <= claim.count);
        return;
    }
    require(claim.position + claim.phrase.size() <= index.text.size());
    require(
        std::equal(claim.phrase.begin(), claim.phrase.end(), index.text.begin() + claim.position));
    if (claim.kind == Claim::Kind::span) {
        require(index.segment.record_at(claim.position) == claim.record);
        require(index.segment.table_entry(claim.record).owner == claim.owner);
    } else {
        require(std::equal(claim.phrase.begin(), claim.phrase.end(),
                           index.answer.begin() + claim.start));
    }
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0) return 0;
    const Known& index = known();
    const std::size_t kind = data[0] % (index.proofs.size() + 1);
    Bytes proof(data + 1, data + size);
    if (kind < index.proofs.size()) { // pairs of a place and what is added to the byte there
        proof = index.proofs[kind];
        for (std::size_t i = 1; i + 2 < size; i += 3) {
            proof[(data[i] << 8 | data[i + 1]) % proof.size()] += data[i + 2];
        }
    }
    const auto claim =
        verify_proof(index.prover.commitment(), proof, index.answer_root, index.answer.size());
    if (claim) {
        check(index, *claim);
    } else {
        require(claim.error().code == ErrorCode::unverified);
    }
    (void)OwnerLists::parse(proof, "fuzz");
    (void)OwnerLists::parse({data + 1, size - 1}, "fuzz");
    return 0;
}
