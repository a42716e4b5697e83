#include "chain/genesis.hpp"
#include "chain/genesis_file.hpp"
#include "chain/world_for_tests.hpp"

namespace ol::chain {
namespace {

Genesis with_storage(const WorldOptions& options = {}) {
    Genesis out = test_genesis(options);
    for (auto& account : out.accounts) {
        if (account.code.empty()) continue;
        account.storage = {{U256(1), U256(2)}, {U256(5), ~std::uint64_t{0}}};
        account.balance = U256(7);
    }
    out.header.state_root = empty_root_hash; // computed when it is laid down
    out.header.coinbase.data[3] = 9;
    out.header.prev_randao.data[1] = 8;
    out.header.nonce.data[7] = 6;
    return out;
}

TEST(GenesisFile, ReadsBackTheSameGenesis) {
    for (const OpFork fork : {OpFork::none, OpFork::isthmus, OpFork::jovian}) {
        const Genesis genesis = with_storage({.fork = fork});
        const codec::Json json = genesis_to_json(genesis);
        const auto text = codec::Json::parse(json.dump(1));
        ASSERT_TRUE(text);
        const auto read = genesis_from_json(*text);
        ASSERT_TRUE(read) << read.error().to_string();
        EXPECT_EQ(digest_of(*read), digest_of(genesis));
        EXPECT_EQ(read->accounts.size(), genesis.accounts.size());
        EXPECT_EQ(read->config.op_activation, genesis.config.op_activation);
        EXPECT_EQ(read->config.to_json(), genesis.config.to_json());
        const auto one = make_memory_state(), two = make_memory_state();
        const auto first = lay_down(genesis, *one), second = lay_down(*read, *two);
        ASSERT_TRUE(first && second);
        EXPECT_EQ(hash(*first), hash(*second));
    }
}

TEST(GenesisFile, AFolderKeepsWhatItWasBegunWith) {
    const TestFolder folder;
    EXPECT_EQ(read_genesis(folder.path()).error().code, ErrorCode::not_found);
    int made = 0;
    const auto make = [&]() -> Result<Genesis> {
        ++made;
        return with_storage();
    };
    const auto first = read_or_make_genesis(folder.path(), make);
    ASSERT_TRUE(first) << first.error().to_string();
    const auto second = read_or_make_genesis(folder.path(), make);
    ASSERT_TRUE(second) << second.error().to_string();
    EXPECT_EQ(made, 1);
    EXPECT_EQ(digest_of(*first), digest_of(*second));
    ASSERT_TRUE(write_file_atomic(genesis_file(folder.path()), std::string_view("{\"config\":")));
    const auto broken = read_or_make_genesis(folder.path(), make);
    ASSERT_FALSE(broken); // never made anew over what is there
    EXPECT_NE(broken.error().context.find("genesis.json"), std::string::npos);
}

} // namespace
} // namespace ol::chain
