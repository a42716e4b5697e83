#include "attribution/suffix/proof/proof.hpp"

#include <gtest/gtest.h>

#include "attribution/suffix/index/index_for_tests.hpp"
#include "attribution/suffix/proof/leaves.hpp"
#include "attribution/suffix/proof/lies_for_tests.hpp"
#include "base/limits.hpp"
#include "crypto/merkle.hpp"

namespace ol::attribution::suffix {
namespace {

using Words = std::vector<text::SymbolWord>;

Address owner_number(std::uint32_t number) {
    Address out;
    put_be32(out.data.data(), number);
    return out;
}

// From the format page, without the code under test.
Hash32 naive_number_root(const std::vector<std::uint32_t>& values) {
    std::vector<Hash32> leaves;
    for (std::size_t begin = 0; begin < values.size(); begin += 64) {
        Bytes leaf;
        for (std::size_t i = begin; i < std::min(begin + 64, values.size()); ++i) {
            leaf.resize(leaf.size() + 4);
            put_be32(leaf.data() + leaf.size() - 4, values[i]);
        }
        leaves.push_back(crypto::merkle_leaf(leaf));
    }
    return crypto::MerkleTree(leaves).root();
}

Hash32 naive_text_root(const Words& words) {
    std::vector<Hash32> leaves;
    for (std::size_t begin = 0; begin < words.size(); begin += 16) {
        Bytes leaf;
        for (std::size_t i = begin; i < std::min(begin + 16, words.size()); ++i) {
            const auto& word = words[i];
            if (text::is_separator(word)) {
                leaf.push_back(0);
                append(leaf, word.view().last(4));
            } else {
                const auto symbol = text::symbol_text(word);
                leaf.push_back(static_cast<std::uint8_t>(symbol.size()));
                append(leaf, as_bytes(symbol));
            }
        }
        leaves.push_back(crypto::merkle_leaf(leaf));
    }
    return crypto::MerkleTree(leaves).root();
}

TEST(OwnerLists, hold_each_ranks_owner_for_few_and_for_many_owners) {
    const test::ScratchFolder folder;
    Prng prng(41);
    const auto corpus = test::random_corpus(prng, 700, 20, 30);
    for (const std::uint32_t owners : {1U, 255U, 256U, 257U, 600U}) {
        auto records = corpus.records();
        for (std::uint32_t r = 0; r < records.size(); ++r) {
            records[r].owner = owner_number(r * 7919 % owners + 1);
        }
        ThreadPool pool(1);
        const auto segment = test::must(Segment::build(records, folder.file("o.seg"), pool));
        const auto lists = OwnerLists::make(segment);
        ASSERT_TRUE(lists.fits(segment.symbol_count()));
        std::vector<std::uint32_t> next(lists.starts.begin(), lists.starts.end() - 1);
        for (std::uint32_t rank = 0; rank < segment.symbol_count(); ++rank) {
            const auto record = segment.record_at(segment.suffix_at(rank));
            const auto found =
                std::lower_bound(lists.owners.begin(), lists.owners.end(), records[record].owner);
            ASSERT_NE(found, lists.owners.end());
            const auto x = static_cast<std::size_t>(found - lists.owners.begin());
            ASSERT_EQ(lists.slots[rank], next[x] - lists.starts[x]);
            ASSERT_EQ(lists.ranks[next[x]++], rank);
        }
        EXPECT_FALSE(Prover(segment, lists).find_fault());
    }
}

TEST(Commitment, is_what_the_format_page_says) {
    const test::ScratchFolder folder;
    Prng prng(40);
    for (const std::size_t records : {1U, 3U, 12U, 150U, 900U}) {
        const auto corpus = test::random_corpus(prng, records, 40, 50);
        const auto segment = test::build_segment(corpus, folder.file("c.seg"));
        const auto lie = test::Lie::of(segment);
        ASSERT_TRUE(test::is_honest(lie));
        ThreadPool pool(3);
        const auto lists = OwnerLists::make(segment);
        const Prover prover(segment, lists, &pool);
        const auto& commitment = prover.commitment();
        EXPECT_EQ(commitment, Prover(segment, lists).commitment()); // any number of threads
        EXPECT_EQ(commitment.text_root, naive_text_root(test::text_of(corpus)));
        EXPECT_EQ(commitment.suffix_array_root, naive_number_root(lie.suffixes));
        EXPECT_EQ(commitment.inverse_root, naive_number_root(lie.inverse));
        EXPECT_EQ(commitment.slot_root, naive_number_root(lists.slots));
        std::vector<Hash32> table, owners;
        for (const auto& entry : lie.table) table.push_back(crypto::merkle_leaf(entry.encode()));
        EXPECT_EQ(commitment.table_root, crypto::MerkleTree(table).root());
        for (std::size_t x = 0; x < lists.owners.size(); ++x) {
            Bytes leaf(lists.owners[x].begin(), lists.owners[x].end());
            const auto list = std::vector<std::uint32_t>(lists.ranks.begin() + lists.starts[x],
                                                         lists.ranks.begin() + lists.starts[x + 1]);
            append(leaf, naive_number_root(list).view());
            leaf.resize(60);
            put_be32(leaf.data() + 52, lists.starts[x]);
            put_be32(leaf.data() + 56, static_cast<std::uint32_t>(list.size()));
            owners.push_back(crypto::merkle_leaf(leaf));
        }
        EXPECT_EQ(commitment.owners_root, crypto::MerkleTree(owners).root());
        EXPECT_EQ(commitment.symbol_count, segment.symbol_count());
        EXPECT_EQ(commitment.record_count, segment.record_count());
        EXPECT_EQ(commitment.owner_count, lists.owners.size());
        EXPECT_FALSE(prover.find_fault());
        // Openings for the settlement.
        for (int i = 0; i < 20; ++i) {
            const auto p = static_cast<std::uint32_t>(prng.below(segment.symbol_count()));
            const auto opening = *prover.open_text(p);
            EXPECT_EQ(symbol_of_leaf(opening.leaf, p % 16), segment.word_at(p));
            EXPECT_TRUE(crypto::merkle_verify(
                commitment.text_root, crypto::merkle_leaf(opening.leaf), p / 16,
                leaves_of(segment.symbol_count(), 16), opening.siblings));
            const auto r = static_cast<std::uint32_t>(prng.below(segment.record_count()));
            const auto row = *prover.open_table(r);
            EXPECT_TRUE(crypto::merkle_verify(commitment.table_root, table[r], r,
                                              segment.record_count(), row.siblings));
        }
        EXPECT_EQ(prover.open_text(segment.symbol_count()).error().code, ErrorCode::not_found);
        EXPECT_EQ(prover.open_table(segment.record_count()).error().code, ErrorCode::not_found);
    }
}

TEST(Commitment, is_the_same_of_a_cold_segment) {
    const test::ScratchFolder folder;
    Prng prng(39);
    const auto corpus = test::random_corpus(prng, 60, 40, 50);
    const auto hot = test::build_segment(corpus, folder.file("h.seg"));
    ThreadPool pool(1);
    auto index = *Index::create(folder.file("index"));
    ASSERT_TRUE(index.append(test::source_of(corpus.records()), {}, pool));
    ASSERT_TRUE(index.convert(0, Form::cold, pool));
    const Segment& cold = index.view().segment(0);
    ASSERT_EQ(cold.form(), Form::cold);
    const auto hot_lists = OwnerLists::make(hot), cold_lists = OwnerLists::make(cold);
    const Prover prover(cold, cold_lists);
    EXPECT_EQ(prover.commitment(), Prover(hot, hot_lists).commitment());
    EXPECT_FALSE(prover.find_fault());
    const auto audited = cold.audit();
    EXPECT_TRUE(audited) << audited.error().to_string();
    const auto phrase = test::words_of("w3 w1");
    const auto claim =
        verify_proof(prover.commitment(), *prover.prove_occurrences(phrase, owner_number(1)));
    ASSERT_TRUE(claim);
    EXPECT_EQ(claim->count, hot.find(phrase).count());
}

TEST(Leaves, short_forms_go_there_and_back) {
    Prng prng(41);
    for (int i = 0; i < 4000; ++i) {
        text::SymbolWord word;
        if (i % 4 == 0) {
            word = text::separator_word(static_cast<std::uint32_t>(prng.next() >> 33));
        } else {
            const auto length = 1 + prng.below(31);
            for (std::size_t k = 0; k < length; ++k) {
                word[k] =
                    static_cast<std::uint8_t>(prng.below(k == 0 || k + 1 == length ? 255 : 3) +
                                              (k == 0 || k + 1 == length ? 1 : 0));
            }
        }
        std::array<std::uint8_t, symbol_short_bytes> buffer{};
        const auto size = put_symbol(buffer.data(), word);
        const auto back = read_symbol({buffer.data(), size});
        ASSERT_TRUE(back);
        EXPECT_EQ(back->word, word);
        EXPECT_EQ(back->size, size);
        EXPECT_FALSE(read_symbol({buffer.data(), size - 1}));
    }
    std::array<std::uint8_t, symbol_short_bytes> buffer{};
    for (const auto& word : {no_word, text::SymbolWord{}}) {
        const auto size = put_symbol(buffer.data(), word);
        EXPECT_FALSE(read_symbol({buffer.data(), size}));
    }
    const std::vector<Bytes> bad = {{},  {0, 0, 0, 0, 0}, {0, 0, 0, 1}, {2, 'a', 0}, {2, 0, 'a'},
                                    {1}, {32, 'a'},       {255}};
    for (const Bytes& bytes : bad) EXPECT_FALSE(read_symbol(bytes));
}

TEST(OwnerLists, file_goes_there_and_back_and_no_damage_passes) {
    const test::ScratchFolder folder;
    Prng prng(42);
    const auto corpus = test::random_corpus(prng, 12, 20, 30);
    const auto segment = test::build_segment(corpus, folder.file("o.seg"));
    const auto lists = OwnerLists::make(segment);
    const Path path = folder.file("o.owners");
    ASSERT_TRUE(lists.write(path));
    const auto back = OwnerLists::read(path);
    ASSERT_TRUE(back) << back.error().to_string();
    EXPECT_EQ(back->owners, lists.owners);
    EXPECT_EQ(back->starts, lists.starts);
    EXPECT_EQ(back->ranks, lists.ranks);
    EXPECT_EQ(back->slots, lists.slots);
    EXPECT_EQ(OwnerLists::read(folder.file("none")).error().code, ErrorCode::not_found);
    const Bytes good = lists.serialize();
    for (std::size_t i = 0; i < good.size(); ++i) {
        Bytes bad = good;
        bad[i] ^= static_cast<std::uint8_t>(1 + prng.below(255));
        const auto read = OwnerLists::parse(bad, "bad.owners");
        ASSERT_FALSE(read) << i;
        EXPECT_EQ(read.error().code, ErrorCode::corrupted);
        EXPECT_NE(read.error().context.find("bad.owners"), std::string::npos);
        bad = good;
        bad.resize(i);
        ASSERT_FALSE(OwnerLists::parse(bad, "short.owners")) << i;
    }
    Bytes longer = good;
    longer.push_back(0);
    EXPECT_FALSE(OwnerLists::parse(longer, "long.owners"));
}

struct World {
    test::ScratchFolder folder;
    test::Corpus corpus;
    std::optional<Segment> segment;
    OwnerLists lists;
    std::optional<Prover> prover;
    Words text;

    World(Prng& prng, std::size_t records, std::size_t vocabulary)
        : corpus(test::random_corpus(prng, records, 40, vocabulary)) {
        segment.emplace(test::build_segment(corpus, folder.file("w.seg")));
        lists = OwnerLists::make(*segment);
        prover.emplace(*segment, lists);
        text = test::text_of(corpus);
    }

    // count, and that in X's records, by scanning.
    std::pair<std::uint64_t, std::uint64_t> naive(const Words& phrase, const Address& owner) const {
        std::pair<std::uint64_t, std::uint64_t> out{0, 0};
        for (std::size_t p = 0; p + phrase.size() <= text.size(); ++p) {
            if (!std::equal(phrase.begin(), phrase.end(), text.begin() + static_cast<long>(p))) {
                continue;
            }
            ++out.first;
            const auto record = segment->record_at(static_cast<std::uint32_t>(p));
            if (segment->table_entry(record).owner == owner) ++out.second;
        }
        return out;
    }

    Words random_phrase(Prng& prng) const {
        Words phrase;
        if (prng.below(4) != 0) {
            const auto from = prng.below(text.size());
            for (auto p = from; p < text.size() && phrase.size() < 1 + prng.below(9); ++p) {
                if (text::is_separator(text[p])) break;
                phrase.push_back(text[p]);
            }
        }
        if (phrase.empty() || prng.below(5) == 0) {
            const auto more = test::words_of(prng.below(3) == 0 ? "unheardof" : "w3 w1");
            phrase.insert(phrase.end(), more.begin(), more.end());
        }
        return phrase;
    }
};

void expect_true_occurrences(const World& world, const Claim& claim) {
    ASSERT_EQ(claim.kind, Claim::Kind::occurrences);
    const auto [count, of_owner] = world.naive(claim.phrase, claim.owner);
    ASSERT_EQ(claim.count, count);
    ASSERT_EQ(claim.owner_count, of_owner);
}

void expect_true_span(const World& world, const Claim& claim) {
    ASSERT_EQ(claim.kind, Claim::Kind::span);
    for (std::size_t i = 0; i < claim.phrase.size(); ++i) {
        ASSERT_EQ(claim.phrase[i], world.text.at(claim.position + i));
        ASSERT_FALSE(text::is_separator(claim.phrase[i]));
    }
    const auto entry = world.segment->table_entry(claim.record);
    ASSERT_EQ(world.segment->record_at(claim.position), claim.record);
    ASSERT_EQ(claim.position, entry.offset + claim.offset);
    ASSERT_EQ(claim.owner, entry.owner);
}

TEST(Proof, occurrences_are_those_that_a_scan_counts) {
    Prng prng(43);
    for (int round = 0; round < 12; ++round) {
        const World world(prng, 1 + prng.below(60), 3 + prng.below(40));
        for (int query = 0; query < 60; ++query) {
            const Words phrase = world.random_phrase(prng);
            const Address owner = owner_number(static_cast<std::uint32_t>(prng.below(8)));
            const auto proof = world.prover->prove_occurrences(phrase, owner);
            ASSERT_TRUE(proof) << proof.error().to_string();
            const auto claim = verify_proof(world.prover->commitment(), *proof);
            ASSERT_TRUE(claim) << claim.error().to_string();
            EXPECT_EQ(claim->phrase, phrase);
            EXPECT_EQ(claim->owner, owner);
            expect_true_occurrences(world, *claim);
        }
    }
}

TEST(Proof, spans_and_longer_matches_hold) {
    Prng prng(44);
    for (int round = 0; round < 10; ++round) {
        const World world(prng, 1 + prng.below(40), 3 + prng.below(40));
        const auto n = world.segment->symbol_count();
        for (int query = 0; query < 60; ++query) {
            const auto position = static_cast<std::uint32_t>(prng.below(n));
            const auto length = static_cast<std::uint32_t>(1 + prng.below(9));
            const auto record = world.segment->record_at(position);
            const auto end = record + 1 < world.segment->record_count()
                                 ? world.segment->table_entry(record + 1).offset
                                 : n;
            const auto proof = world.prover->prove_span(position, length);
            ASSERT_EQ(proof.has_value(), position + length < end);
            if (!proof) continue;
            const auto claim = verify_proof(world.prover->commitment(), *proof);
            ASSERT_TRUE(claim) << claim.error().to_string();
            EXPECT_EQ(claim->phrase.size(), length);
            expect_true_span(world, *claim);

            Words answer = test::words_of("before it");
            answer.insert(answer.end(), claim->phrase.begin(), claim->phrase.end());
            for (const auto& word : test::words_of("and after")) answer.push_back(word);
            std::vector<Hash32> leaves;
            for (const auto& word : answer) leaves.push_back(crypto::merkle_leaf(word.view()));
            const Hash32 root = crypto::MerkleTree(leaves).root();
            const auto longer = world.prover->prove_longer_match(answer, 2, length, position);
            ASSERT_TRUE(longer) << longer.error().to_string();
            const auto shown =
                verify_proof(world.prover->commitment(), *longer, root, answer.size());
            ASSERT_TRUE(shown) << shown.error().to_string();
            EXPECT_EQ(shown->start, 2U);
            EXPECT_EQ(shown->position, position);
            EXPECT_EQ(shown->phrase, claim->phrase);
            EXPECT_FALSE(
                verify_proof(world.prover->commitment(), *longer, root, answer.size() + 1));
            EXPECT_FALSE(verify_proof(world.prover->commitment(), *longer));
            const auto other = world.prover->prove_longer_match(answer, 1, length, position);
            EXPECT_FALSE(verify_proof(world.prover->commitment(), *other, root, answer.size()));
        }
    }
}

TEST(Proof, impossible_questions_are_refused) {
    Prng prng(45);
    const World world(prng, 10, 20);
    const auto& prover = *world.prover;
    const auto code = [](const auto& result) { return result.error().code; };
    EXPECT_EQ(code(prover.prove_occurrences({}, {})), ErrorCode::invalid_argument);
    const Words separator{text::separator_word(1)};
    EXPECT_EQ(code(prover.prove_occurrences(separator, {})), ErrorCode::invalid_argument);
    const Words many(limits::proof_symbols + 1, test::words_of("w1")[0]);
    EXPECT_EQ(code(prover.prove_occurrences(many, {})), ErrorCode::invalid_argument);
    const Words most(limits::proof_symbols, test::words_of("w1")[0]);
    EXPECT_TRUE(verify_proof(prover.commitment(), *prover.prove_occurrences(most, {})));
    const auto n = world.segment->symbol_count();
    EXPECT_EQ(code(prover.prove_span(n, 1)), ErrorCode::invalid_argument);
    EXPECT_EQ(code(prover.prove_span(0, 0)), ErrorCode::invalid_argument);
    EXPECT_EQ(code(prover.prove_span(n - 1, 1)), ErrorCode::invalid_argument); // a separator
    EXPECT_EQ(code(prover.prove_longer_match(most, 0, 1, n)), ErrorCode::invalid_argument);
    EXPECT_EQ(code(prover.prove_longer_match(most, 256, 1, 0)), ErrorCode::invalid_argument);
}

// A changed proof fails, or what it then shows is true.
TEST(Proof, tampered_claims_fail_or_are_true) {
    Prng prng(46);
    const World world(prng, 30, 25);
    const auto& commitment = world.prover->commitment();
    const auto check = [&](ByteView proof) {
        const auto claim = verify_proof(commitment, proof);
        if (!claim) {
            ASSERT_EQ(claim.error().code, ErrorCode::unverified);
        } else if (claim->kind == Claim::Kind::occurrences) {
            expect_true_occurrences(world, *claim);
        } else {
            expect_true_span(world, *claim);
        }
    };
    int changed_and_true = 0;
    for (int round = 0; round < 40; ++round) {
        const auto position = static_cast<std::uint32_t>(prng.below(world.text.size()));
        auto proof = round % 2 == 0 ? world.prover->prove_occurrences(
                                          world.random_phrase(prng),
                                          owner_number(static_cast<std::uint32_t>(prng.below(8))))
                                    : world.prover->prove_span(position, 1 + round % 3);
        if (!proof) continue;
        for (std::size_t i = 0; i < proof->size(); ++i) {
            Bytes bad = *proof;
            bad[i] ^= static_cast<std::uint8_t>(1 + prng.below(255));
            check(bad);
            changed_and_true += verify_proof(commitment, bad).has_value();
            bad[i] = static_cast<std::uint8_t>((*proof)[i] + 1);
            check(bad);
            bad.resize(i);
            EXPECT_FALSE(verify_proof(commitment, bad));
        }
        proof->push_back(0);
        EXPECT_FALSE(verify_proof(commitment, *proof));
    }
    EXPECT_LT(changed_and_true, 400); // e.g. another owner without a list between the same two
}

TEST(Fault, ten_thousand_are_found_and_proved) {
    Prng prng(47);
    std::map<FaultKind, int> seen;
    const test::ScratchFolder folder;
    for (int round = 0; round < 100; ++round) {
        const auto corpus = test::random_corpus(prng, 2 + prng.below(12), 25, 3 + prng.below(30));
        const auto honest = test::Lie::of(test::build_segment(corpus, folder.file("f.seg")));
        ASSERT_TRUE(test::is_honest(honest));
        {
            const Prover prover(honest.arrays(), honest.lists);
            ASSERT_FALSE(prover.find_fault());
        }
        for (int i = 0; i < 100; ++i) {
            const auto lie = test::random_lie(prng, honest);
            const Prover prover(lie.arrays(), lie.lists);
            const auto fault = prover.find_fault();
            ASSERT_TRUE(fault);
            const auto claim = verify_proof(prover.commitment(), fault->proof);
            ASSERT_TRUE(claim) << fault->text << ": " << claim.error().to_string();
            ASSERT_EQ(claim->kind, Claim::Kind::order_fault);
            ASSERT_EQ(claim->fault, fault->kind);
            ++seen[fault->kind];
            ASSERT_FALSE(
                verify_proof(Prover(honest.arrays(), honest.lists).commitment(), fault->proof));
        }
    }
    for (int kind = 1; kind <= 9; ++kind) {
        EXPECT_GT(seen[static_cast<FaultKind>(kind)], 20) << kind;
    }
}

// Against an honest index no bytes show a fault.
TEST(Fault, none_is_shown_of_an_honest_index) {
    Prng prng(48);
    const test::ScratchFolder folder;
    const auto corpus = test::random_corpus(prng, 20, 25, 20);
    const auto honest = test::Lie::of(test::build_segment(corpus, folder.file("h.seg")));
    const Prover honest_prover(honest.arrays(), honest.lists);
    int tried = 0;
    for (int i = 0; i < 200; ++i) {
        const auto lie = test::random_lie(prng, honest);
        const Prover prover(lie.arrays(), lie.lists);
        const auto fault = prover.find_fault();
        ASSERT_TRUE(fault);
        for (std::size_t at = 0; at < fault->proof.size(); ++at) {
            Bytes bad = fault->proof;
            bad[at] ^= static_cast<std::uint8_t>(1 + prng.below(255));
            ASSERT_FALSE(verify_proof(honest_prover.commitment(), bad));
            const auto still = verify_proof(prover.commitment(), bad);
            ASSERT_TRUE(!still || still->kind == Claim::Kind::order_fault);
            bad = fault->proof;
            bad.resize(at);
            ASSERT_FALSE(verify_proof(prover.commitment(), bad));
            ++tried;
        }
    }
    EXPECT_GT(tried, 10000);
}

} // namespace
} // namespace ol::attribution::suffix
