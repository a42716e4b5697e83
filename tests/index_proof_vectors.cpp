// Writes proofs with the verdicts of verify_proof, for contracts/test/IndexVerifier.t.sol: 10,000
// faults, claims, and the same with bytes changed. ./test runs it before the contracts' tests.
//
//   index_proof_vectors FOLDER
//
// A file is records one after another: verdict (1 byte), commitment (6 roots, 3 numbers of 8
// bytes), answer's root and number of symbols (8 bytes), digest of the claim (zero where the proof
// fails), size of the proof (4 bytes), the proof. Numbers are big endian.
#include <cstdio>

#include "attribution/suffix/proof/lies_for_tests.hpp"
#include "attribution/suffix/proof/proof.hpp"
#include "crypto/hash.hpp"
#include "crypto/merkle.hpp"

namespace {

using namespace ol;
using namespace ol::attribution::suffix;
using Words = std::vector<text::SymbolWord>;

void put32(Bytes& out, std::uint32_t value) {
    out.resize(out.size() + 4);
    put_be32(out.data() + out.size() - 4, value);
}

void put64(Bytes& out, std::uint64_t value) {
    out.resize(out.size() + 8);
    put_be64(out.data() + out.size() - 8, value);
}

Hash32 digest(const Claim& claim) {
    Bytes out{static_cast<std::uint8_t>(claim.kind), 0};
    if (claim.kind == Claim::Kind::order_fault) out[1] = static_cast<std::uint8_t>(claim.fault);
    put64(out, claim.count);
    append(out, claim.owner.view());
    put64(out, claim.owner_count);
    for (const auto value : {claim.position, claim.record, claim.offset, claim.start}) {
        put32(out, value);
    }
    for (const auto& word : claim.phrase) append(out, word.view());
    return crypto::keccak256(ByteView(out));
}

struct Answer {
    Hash32 root;
    std::uint64_t symbols = 0;
};

// Returns whether the proof holds.
bool add(Bytes& out, const IndexCommitment& c, const Bytes& proof, const Answer& answer = {}) {
    const auto claim = verify_proof(c, proof, answer.root, answer.symbols);
    out.push_back(claim ? 1 : 0);
    for (const auto& root : {c.text_root, c.suffix_array_root, c.inverse_root, c.slot_root,
                             c.table_root, c.owners_root}) {
        append(out, root.view());
    }
    for (const auto number : {c.symbol_count, c.record_count, c.owner_count}) put64(out, number);
    append(out, answer.root.view());
    put64(out, answer.symbols);
    append(out, (claim ? digest(*claim) : Hash32{}).view());
    put32(out, static_cast<std::uint32_t>(proof.size()));
    append(out, proof);
    return claim.has_value();
}

Bytes tampered(Prng& prng, Bytes proof) {
    switch (prng.below(8)) {
    case 0:
        proof.resize(prng.below(proof.size()));
        break;
    case 1:
        proof.push_back(static_cast<std::uint8_t>(prng.next()));
        break;
    case 2: // a number off by one, somewhere near the front
        proof[std::min<std::size_t>(proof.size() - 1, 2 + prng.below(40))] += 1;
        break;
    default:
        proof[prng.below(proof.size())] ^= static_cast<std::uint8_t>(1 + prng.below(255));
        break;
    }
    return proof;
}

struct Output {
    Path folder;
    Bytes claims, changed;

    Status write(const std::string& name, const Bytes& bytes) const {
        return write_file_atomic(folder / name, bytes);
    }
};

Status make_faults(Prng& prng, Output& output, const test::ScratchFolder& scratch) {
    constexpr int files = 10, segments = 10, lies = 100;
    for (int file = 0; file < files; ++file) {
        Bytes faults;
        for (int round = 0; round < segments; ++round) {
            const auto corpus =
                test::random_corpus(prng, 2 + prng.below(12), 25, 3 + prng.below(30));
            const auto honest = test::Lie::of(test::build_segment(corpus, scratch.file("f.seg")));
            const Prover honest_prover(honest.arrays(), honest.lists);
            for (int i = 0; i < lies; ++i) {
                const auto lie = test::random_lie(prng, honest);
                const Prover prover(lie.arrays(), lie.lists);
                const auto fault = prover.find_fault();
                if (!fault || !add(faults, prover.commitment(), fault->proof)) {
                    return fail(ErrorCode::internal, "a fault was not found or not proved");
                }
                if (i % 4 != 0) continue;
                add(output.changed, prover.commitment(), tampered(prng, fault->proof));
                add(output.changed, honest_prover.commitment(), fault->proof);
            }
        }
        OL_TRY(output.write(fmt::format("faults-{}.bin", file), faults));
    }
    return {};
}

// Claims about one segment, and the same tampered with.
void make_claims(Prng& prng, Output& output, const Segment& segment, int count) {
    const auto lists = OwnerLists::make(segment);
    const Prover prover(segment, lists);
    const auto& commitment = prover.commitment();
    for (int i = 0; i < count; ++i) {
        const auto from = static_cast<std::uint32_t>(prng.below(segment.symbol_count()));
        const auto wanted = 1 + prng.below(9);
        Words phrase;
        for (auto p = from; p < segment.symbol_count() && phrase.size() < wanted; ++p) {
            if (text::is_separator(segment.word_at(p))) break;
            phrase.push_back(segment.word_at(p));
        }
        if (phrase.empty()) continue;
        const auto length = static_cast<std::uint32_t>(phrase.size());
        std::vector<std::pair<Bytes, Answer>> proofs;
        proofs.emplace_back(*prover.prove_span(from, length), Answer{});
        Words answer = test::words_of("so it says");
        answer.insert(answer.end(), phrase.begin(), phrase.end());
        std::vector<Hash32> leaves;
        for (const auto& word : answer) leaves.push_back(crypto::merkle_leaf(word.view()));
        proofs.emplace_back(*prover.prove_longer_match(answer, 3, length, from),
                            Answer{crypto::MerkleTree(leaves).root(), answer.size()});
        if (i % 3 == 0) phrase[prng.below(length)] = test::words_of("unheardof w2")[i % 2];
        Address owner;
        put_be32(owner.data.data(), static_cast<std::uint32_t>(prng.below(8)));
        proofs.emplace_back(*prover.prove_occurrences(phrase, owner), Answer{});
        for (const auto& [proof, of] : proofs) {
            add(output.claims, commitment, proof, of);
            for (int k = 0; k < 3; ++k) {
                add(output.changed, commitment, tampered(prng, proof), of);
            }
        }
    }
}

Status run(const Path& folder) {
    OL_TRY(make_directories(folder));
    const test::ScratchFolder scratch;
    Prng prng(50);
    Output output{folder, {}, {}};
    OL_TRY(make_faults(prng, output, scratch));
    for (const std::size_t records : {1U, 4U, 20U, 60U}) {
        const auto corpus = test::random_corpus(prng, records, 40, 12);
        make_claims(prng, output, test::build_segment(corpus, scratch.file("c.seg")), 50);
    }
    OL_TRY(output.write("claims.bin", output.claims));
    OL_TRY(output.write("changed.bin", output.changed));
    // One large enough for its proofs to have a size that means something.
    Output large{folder, {}, {}};
    const auto corpus = test::random_corpus(prng, 20000, 60, 4000);
    make_claims(prng, large, test::build_segment(corpus, scratch.file("l.seg")), 30);
    return output.write("large.bin", large.claims);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: index_proof_vectors FOLDER\n", stderr);
        return 2;
    }
    const auto done = run(argv[1]);
    if (!done) std::fprintf(stderr, "%s\n", done.error().to_string().c_str());
    return done ? 0 : 1;
}
