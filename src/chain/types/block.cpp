#include "chain/types/block.hpp"

#include "chain/types/literal.hpp"
#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

using codec::RlpReader;
using codec::RlpWriter;

void write(RlpWriter& out, const Header& header) {
    out.list([&] {
        out.bytes(header.parent_hash).bytes(header.ommers_hash).bytes(header.coinbase);
        out.bytes(header.state_root).bytes(header.transactions_root).bytes(header.receipts_root);
        out.bytes(header.logs_bloom).number(header.difficulty).number(header.number);
        out.number(header.gas_limit).number(header.gas_used).number(header.timestamp);
        out.bytes(header.extra_data).bytes(header.prev_randao).bytes(header.nonce);
        if (header.base_fee) out.number(*header.base_fee);
        if (header.withdrawals_root) out.bytes(*header.withdrawals_root);
        if (header.blob_gas_used) out.number(*header.blob_gas_used);
        if (header.excess_blob_gas) out.number(*header.excess_blob_gas);
        if (header.parent_beacon_block_root) out.bytes(*header.parent_beacon_block_root);
        if (header.requests_hash) out.bytes(*header.requests_hash);
    });
}

void write(RlpWriter& out, const Withdrawal& withdrawal) {
    out.list([&] {
        out.number(withdrawal.index).number(withdrawal.validator_index);
        out.bytes(withdrawal.address).number(withdrawal.amount_gwei);
    });
}

void write(RlpWriter& out, const Log& log) {
    out.list([&] {
        out.bytes(log.address);
        out.list([&] {
            for (const auto& topic : log.topics) out.bytes(topic);
        });
        out.bytes(log.data);
    });
}

// Within a block a legacy transaction is a list, any other a string.
void write_in_block(RlpWriter& out, const Transaction& transaction) {
    const Bytes encoded = encode(transaction);
    if (transaction.type == TransactionType::legacy) {
        out.raw(encoded);
    } else {
        out.bytes(encoded);
    }
}

Result<Header> read_header(RlpReader in) {
    Header out;
    out.parent_hash = OL_TRY(in.fixed<32>("parent hash"));
    out.ommers_hash = OL_TRY(in.fixed<32>("ommers hash"));
    out.coinbase = OL_TRY(in.fixed<20>("coinbase"));
    out.state_root = OL_TRY(in.fixed<32>("state root"));
    out.transactions_root = OL_TRY(in.fixed<32>("transactions root"));
    out.receipts_root = OL_TRY(in.fixed<32>("receipts root"));
    out.logs_bloom = OL_TRY(in.fixed<256>("logs bloom"));
    out.difficulty = OL_TRY(in.u256("difficulty"));
    out.number = OL_TRY(in.u64("number"));
    out.gas_limit = OL_TRY(in.u64("gas limit"));
    out.gas_used = OL_TRY(in.u64("gas used"));
    out.timestamp = OL_TRY(in.u64("timestamp"));
    const ByteView extra = OL_TRY(in.bytes("extra data"));
    out.extra_data.assign(extra.begin(), extra.end());
    out.prev_randao = OL_TRY(in.fixed<32>("mix hash"));
    out.nonce = OL_TRY(in.fixed<8>("nonce"));
    if (!in.at_end()) out.base_fee = OL_TRY(in.u256("base fee"));
    if (!in.at_end()) out.withdrawals_root = OL_TRY(in.fixed<32>("withdrawals root"));
    if (!in.at_end()) out.blob_gas_used = OL_TRY(in.u64("blob gas used"));
    if (!in.at_end()) out.excess_blob_gas = OL_TRY(in.u64("excess blob gas"));
    if (!in.at_end()) out.parent_beacon_block_root = OL_TRY(in.fixed<32>("parent beacon root"));
    if (!in.at_end()) out.requests_hash = OL_TRY(in.fixed<32>("requests hash"));
    OL_TRY(in.end());
    return out;
}

Result<Withdrawal> read_withdrawal(RlpReader in) {
    Withdrawal out;
    out.index = OL_TRY(in.u64("index"));
    out.validator_index = OL_TRY(in.u64("validator index"));
    out.address = OL_TRY(in.fixed<20>("address"));
    out.amount_gwei = OL_TRY(in.u64("amount"));
    OL_TRY(in.end());
    return out;
}

Result<Log> read_log(RlpReader in) {
    Log out;
    out.address = OL_TRY(in.fixed<20>("address"));
    RlpReader topics = OL_TRY(in.list("topics"));
    while (!topics.at_end()) out.topics.push_back(OL_TRY(topics.fixed<32>("topic")));
    if (out.topics.size() > 4) {
        return fail(ErrorCode::invalid_argument, "log: {} topics, at most 4", out.topics.size());
    }
    const ByteView data = OL_TRY(in.bytes("data"));
    out.data.assign(data.begin(), data.end());
    OL_TRY(in.end());
    return out;
}

Result<Transaction> read_in_block(RlpReader& in) {
    if (in.next_is_list()) return decode_transaction(OL_TRY(in.raw("transaction")));
    const ByteView bytes = OL_TRY(in.bytes("transaction"));
    if (!bytes.empty() && bytes[0] >= 0xc0) {
        return fail(ErrorCode::invalid_argument,
                    "a legacy transaction stands in a block as a list, not as a string");
    }
    return decode_transaction(bytes);
}

Status read_outcome(RlpReader& in, Receipt& out) {
    const ByteView outcome = OL_TRY(in.bytes("status"));
    if (outcome.size() == 32) {
        out.post_state = OL_TRY(Hash32::from(outcome));
    } else if (outcome.size() == 1 && outcome[0] == 1) {
        out.succeeded = true;
    } else if (!outcome.empty()) {
        return fail(ErrorCode::invalid_argument,
                    "receipt: status: must be 0, 1 or a state root of 32 bytes");
    }
    return {};
}

// The three bits of an entry: 11 bits each of the first three pairs of its hash's bytes.
template <class Each>
void for_each_bit(ByteView entry, Each&& each) {
    const Hash32 digest = crypto::keccak256(entry);
    for (std::size_t i = 0; i < 6; i += 2) {
        const unsigned bit = (static_cast<unsigned>(digest[i]) << 8 | digest[i + 1]) & 0x7ff;
        each(255 - bit / 8, static_cast<std::uint8_t>(1U << bit % 8));
    }
}

} // namespace

const Hash32 empty_ommers_hash =
    literal("1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347");
const Hash32 empty_root_hash =
    literal("56e81f171bcc55a6ff8345e692c0f86e5b48e01b996cadc001622fb5e363b421");
const Hash32 empty_code_hash =
    literal("c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470");
const Hash32 empty_requests_hash =
    literal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");

void add_to_bloom(Bloom& bloom, ByteView entry) {
    for_each_bit(entry, [&](unsigned byte, std::uint8_t mask) { bloom[byte] |= mask; });
}

Bloom bloom_of(std::span<const Log> logs) {
    Bloom out;
    for (const auto& log : logs) {
        add_to_bloom(out, log.address.view());
        for (const auto& topic : log.topics) add_to_bloom(out, topic.view());
    }
    return out;
}

bool bloom_may_contain(const Bloom& bloom, ByteView entry) {
    bool all = true;
    for_each_bit(entry,
                 [&](unsigned byte, std::uint8_t mask) { all &= (bloom[byte] & mask) != 0; });
    return all;
}

Bytes encode(const Header& header) {
    RlpWriter out(640);
    write(out, header);
    return out.take();
}

Bytes encode(const Block& block) {
    RlpWriter out(1024 + 128 * block.transactions.size());
    out.list([&] {
        write(out, block.header);
        out.list([&] {
            for (const auto& transaction : block.transactions) write_in_block(out, transaction);
        });
        out.list([&] {
            for (const auto& ommer : block.ommers) write(out, ommer);
        });
        if (!block.withdrawals) return;
        out.list([&] {
            for (const auto& withdrawal : *block.withdrawals) write(out, withdrawal);
        });
    });
    return out.take();
}

Bytes encode(const Receipt& receipt) {
    RlpWriter out(300);
    if (receipt.type != TransactionType::legacy) {
        const auto type = static_cast<std::uint8_t>(receipt.type);
        out.raw({&type, 1});
    }
    out.list([&] {
        if (receipt.post_state) {
            out.bytes(*receipt.post_state);
        } else {
            out.number(receipt.succeeded ? 1 : 0);
        }
        out.number(receipt.cumulative_gas_used).bytes(receipt.logs_bloom);
        out.list([&] {
            for (const auto& log : receipt.logs) write(out, log);
        });
        if (receipt.deposit_nonce) out.number(*receipt.deposit_nonce);
        if (receipt.deposit_receipt_version) {
            out.number(*receipt.deposit_receipt_version);
        }
    });
    return out.take();
}

Bytes encode(const Withdrawal& withdrawal) {
    RlpWriter out(64);
    write(out, withdrawal);
    return out.take();
}

Result<Header> decode_header(ByteView bytes) {
    return read_header(OL_TRY(RlpReader::of_list(bytes, "header")));
}

Result<Block> decode_block(ByteView bytes) {
    RlpReader in = OL_TRY(RlpReader::of_list(bytes, "block"));
    Block out;
    out.header = OL_TRY_IN(read_header(OL_TRY(in.list("header"))), "block");
    RlpReader transactions = OL_TRY(in.list("transactions"));
    while (!transactions.at_end()) {
        out.transactions.push_back(OL_TRY_IN(read_in_block(transactions), "block: transaction {}",
                                             out.transactions.size()));
    }
    RlpReader ommers = OL_TRY(in.list("ommers"));
    while (!ommers.at_end()) {
        out.ommers.push_back(OL_TRY_IN(read_header(OL_TRY(ommers.list("ommer"))), "block: ommer {}",
                                       out.ommers.size()));
    }
    if (!in.at_end()) {
        RlpReader withdrawals = OL_TRY(in.list("withdrawals"));
        auto& made = out.withdrawals.emplace();
        while (!withdrawals.at_end()) {
            made.push_back(OL_TRY_IN(read_withdrawal(OL_TRY(withdrawals.list("withdrawal"))),
                                     "block: withdrawal {}", made.size()));
        }
    }
    OL_TRY(in.end());
    return out;
}

Result<Receipt> decode_receipt(ByteView bytes) {
    if (bytes.empty()) return fail(ErrorCode::invalid_argument, "receipt: no bytes");
    Receipt out;
    if (bytes[0] < 0xc0) {
        const bool known = (bytes[0] >= 1 && bytes[0] <= 4) || bytes[0] == 0x7E;
        if (!known) {
            return fail(ErrorCode::invalid_argument, "receipt: type {:#04x} is not known",
                        bytes[0]);
        }
        out.type = static_cast<TransactionType>(bytes[0]);
        bytes = bytes.subspan(1);
    }
    RlpReader in = OL_TRY(RlpReader::of_list(bytes, "receipt"));
    OL_TRY(read_outcome(in, out));
    out.cumulative_gas_used = OL_TRY(in.u64("cumulative gas used"));
    out.logs_bloom = OL_TRY(in.fixed<256>("logs bloom"));
    RlpReader logs = OL_TRY(in.list("logs"));
    while (!logs.at_end()) {
        out.logs.push_back(
            OL_TRY_IN(read_log(OL_TRY(logs.list("log"))), "receipt: log {}", out.logs.size()));
    }
    if (out.type == TransactionType::deposit && !in.at_end()) {
        out.deposit_nonce = OL_TRY(in.u64("deposit nonce"));
        if (!in.at_end()) {
            out.deposit_receipt_version = OL_TRY(in.u64("deposit receipt version"));
        }
    }
    OL_TRY(in.end());
    return out;
}

Hash32 hash(const Header& header) { return crypto::keccak256(encode(header)); }

Hash32 ommers_hash(std::span<const Header> ommers) {
    if (ommers.empty()) return empty_ommers_hash;
    RlpWriter out(600 * ommers.size());
    out.list([&] {
        for (const auto& ommer : ommers) write(out, ommer);
    });
    return crypto::keccak256(out.take());
}

} // namespace ol::chain
