#include "chain/block_codec.hpp"

#include "codec/rlp.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {
namespace {

using codec::RlpReader;
using codec::RlpWriter;

constexpr std::string_view body_place = "block store: body";
constexpr std::string_view outcomes_place = "block store: outcomes";
constexpr std::string_view changes_place = "block store: state changes";
constexpr std::size_t topics_most = 4;

std::unexpected<Error> bad(std::string_view place, std::string_view what) {
    return fail(ErrorCode::invalid_argument, "{}: {}", place, what);
}

// A transaction's bytes as they are hashed, from its place in a list.
Result<ByteView> transaction_bytes(RlpReader& in) {
    if (in.next_is_list()) return in.raw("transaction");
    return in.bytes("transaction");
}

Result<std::vector<Address>> read_addresses(ByteView bytes, std::size_t count) {
    if (bytes.size() != 20 * count) return bad(body_place, "senders: not one a transaction");
    std::vector<Address> out(count);
    for (std::size_t i = 0; i < count; ++i) {
        std::memcpy(out[i].data.data(), bytes.data() + 20 * i, 20);
    }
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

// Optional numbers: 0 for none, else one more; 2^64 - 1 itself needs nine bytes.
void write_optional(RlpWriter& out, const std::optional<std::uint64_t>& value) {
    out.number(value ? U256(*value) + U256(1) : U256());
}

Result<std::optional<std::uint64_t>> read_optional(RlpReader& in, std::string_view field) {
    const U256 value = OL_TRY(in.u256(field));
    if (value.is_zero()) return std::nullopt;
    const U256 number = value - U256(1);
    if (!number.fits_u64()) return bad(outcomes_place, "a number above 64 bits");
    return number.low_u64();
}

void write_log(RlpWriter& out, const Log& log) {
    Bytes topics;
    topics.reserve(32 * log.topics.size());
    for (const auto& topic : log.topics) append(topics, topic.view());
    out.list([&] { out.bytes(log.address).bytes(topics).bytes(log.data); });
}

Result<LogView> read_log(RlpReader in) {
    LogView out;
    out.address = OL_TRY(in.fixed<20>("address"));
    out.topics = OL_TRY(in.bytes("topics"));
    if (out.topics.size() % 32 != 0 || out.topics.size() > 32 * topics_most) {
        return bad(outcomes_place, "topics: not at most four words");
    }
    out.data = OL_TRY(in.bytes("data"));
    OL_TRY(in.end());
    return out;
}

Log make_log(const LogView& view) {
    Log out;
    out.address = view.address;
    out.topics.resize(view.topics.size() / 32);
    for (std::size_t i = 0; i < out.topics.size(); ++i) {
        std::memcpy(out.topics[i].data.data(), view.topics.data() + 32 * i, 32);
    }
    out.data.assign(view.data.begin(), view.data.end());
    return out;
}

bool known_type(std::uint64_t type) { return type <= 4 || type == 0x7E; }

Result<TransactionOutcome> read_outcome(RlpReader in) {
    TransactionOutcome out;
    const std::uint64_t type = OL_TRY(in.u64("type"));
    if (!known_type(type)) return bad(outcomes_place, "type: unknown");
    out.receipt.type = static_cast<TransactionType>(type);
    const ByteView result = OL_TRY(in.bytes("result"));
    if (result.size() == 32) {
        out.receipt.post_state = OL_TRY(Hash32::from(result));
    } else if (result.size() == 1 && result[0] == 1) {
        out.receipt.succeeded = true;
    } else if (!result.empty()) {
        return bad(outcomes_place, "result: neither a status nor a root");
    }
    const std::uint64_t status = OL_TRY(in.u64("status"));
    if (status > static_cast<std::uint64_t>(evm::Status::precompile_failure)) {
        return bad(outcomes_place, "status: unknown");
    }
    out.status = static_cast<evm::Status>(status);
    out.gas_used = OL_TRY(in.u64("gas used"));
    out.effective_gas_price = OL_TRY(in.u256("price"));
    out.l1_fee = OL_TRY(in.u256("L1 fee"));
    out.operator_fee = OL_TRY(in.u256("operator fee"));
    const ByteView created = OL_TRY(in.bytes("created"));
    if (!created.empty()) out.created = OL_TRY_IN(Address::from(created), "block store: created");
    out.receipt.deposit_nonce = OL_TRY(read_optional(in, "deposit nonce"));
    out.receipt.deposit_receipt_version = OL_TRY(read_optional(in, "deposit version"));
    RlpReader logs = OL_TRY(in.list("logs"));
    OL_TRY(in.end());
    while (!logs.at_end()) {
        out.receipt.logs.push_back(make_log(OL_TRY(read_log(OL_TRY(logs.list("log"))))));
    }
    out.receipt.logs_bloom = bloom_of(out.receipt.logs);
    return out;
}

void write_account(RlpWriter& out, const Account& account) {
    out.list([&] {
        out.number(account.nonce).number(account.balance);
        out.bytes(account.code_hash).bytes(account.storage_root);
    });
}

Result<AccountChange> read_change(RlpReader in) {
    AccountChange out;
    out.address = OL_TRY(in.fixed<20>("address"));
    RlpReader account = OL_TRY(in.list("account"));
    if (!account.at_end()) {
        Account& made = out.account.emplace();
        made.nonce = OL_TRY(account.u64("nonce"));
        made.balance = OL_TRY(account.u256("balance"));
        made.code_hash = OL_TRY(account.fixed<32>("code hash"));
        made.storage_root = OL_TRY(account.fixed<32>("storage root"));
        OL_TRY(account.end());
    }
    out.storage_cleared = OL_TRY(in.boolean("storage cleared"));
    RlpReader slots = OL_TRY(in.list("storage"));
    while (!slots.at_end()) {
        const U256 slot = OL_TRY(slots.u256("slot"));
        out.storage.emplace_back(slot, OL_TRY(slots.u256("value")));
    }
    RlpReader code = OL_TRY(in.list("code"));
    if (!code.at_end()) {
        const ByteView bytes = OL_TRY(code.bytes("code"));
        out.code = std::make_shared<const Code>(Bytes(bytes.begin(), bytes.end()));
        OL_TRY(code.end());
    }
    OL_TRY(in.end());
    return out;
}

} // namespace

Bytes encode_body(const StoredBlock& block) {
    RlpWriter out(64 + 160 * block.block.transactions.size());
    out.list([&] {
        out.number(block.size_bytes);
        out.list([&] {
            for (const auto& transaction : block.block.transactions) {
                const Bytes encoded = encode(transaction);
                if (transaction.type == TransactionType::legacy) {
                    out.raw(encoded);
                } else {
                    out.bytes(encoded);
                }
            }
        });
        Bytes senders;
        senders.reserve(20 * block.senders.size());
        for (const auto& sender : block.senders) append(senders, sender.view());
        out.bytes(senders);
        out.list([&] {
            for (const auto& ommer : block.block.ommers) out.raw(encode(ommer));
        });
        if (!block.block.withdrawals) return;
        out.list([&] {
            for (const auto& withdrawal : *block.block.withdrawals) out.raw(encode(withdrawal));
        });
    });
    return out.take();
}

Result<BlockBody> decode_body(ByteView bytes) {
    RlpReader in = OL_TRY(RlpReader::of_list(bytes, body_place));
    BlockBody out;
    out.block_bytes = OL_TRY(in.u64("size"));
    RlpReader transactions = OL_TRY(in.list("transactions"));
    while (!transactions.at_end()) {
        const ByteView encoded = OL_TRY(transaction_bytes(transactions));
        out.transactions.push_back(OL_TRY(decode_transaction(encoded)));
        out.transaction_hashes.push_back(crypto::keccak256(encoded));
    }
    out.senders = OL_TRY(read_addresses(OL_TRY(in.bytes("senders")), out.transactions.size()));
    RlpReader ommers = OL_TRY(in.list("ommers"));
    while (!ommers.at_end()) {
        out.ommers.push_back(OL_TRY(decode_header(OL_TRY(ommers.raw("ommer")))));
    }
    if (!in.at_end()) {
        RlpReader withdrawals = OL_TRY(in.list("withdrawals"));
        auto& made = out.withdrawals.emplace();
        while (!withdrawals.at_end()) {
            made.push_back(OL_TRY(read_withdrawal(OL_TRY(withdrawals.list("withdrawal")))));
        }
    }
    OL_TRY(in.end());
    return out;
}

Result<std::vector<Hash32>> hashes_in_body(ByteView bytes, std::span<const std::uint32_t> indices) {
    RlpReader in = OL_TRY(RlpReader::of_list(bytes, body_place));
    OL_TRY(in.u64("size"));
    RlpReader transactions = OL_TRY(in.list("transactions"));
    std::vector<Hash32> out;
    out.reserve(indices.size());
    for (std::uint32_t at = 0; out.size() < indices.size(); ++at) {
        if (transactions.at_end()) return bad(body_place, "fewer transactions than its outcomes");
        const ByteView encoded = OL_TRY(transaction_bytes(transactions));
        if (indices[out.size()] == at) out.push_back(crypto::keccak256(encoded));
    }
    return out;
}

Bytes encode_outcomes(std::span<const TransactionOutcome> outcomes) {
    RlpWriter out(64 + 64 * outcomes.size());
    out.list([&] {
        for (const auto& outcome : outcomes) {
            const Receipt& receipt = outcome.receipt;
            out.list([&] {
                out.number(static_cast<std::uint64_t>(receipt.type));
                if (receipt.post_state) {
                    out.bytes(*receipt.post_state);
                } else {
                    out.number(receipt.succeeded ? 1 : 0);
                }
                out.number(static_cast<std::uint64_t>(outcome.status)).number(outcome.gas_used);
                out.number(outcome.effective_gas_price);
                out.number(outcome.l1_fee).number(outcome.operator_fee);
                out.bytes(outcome.created ? outcome.created->view() : ByteView());
                write_optional(out, receipt.deposit_nonce);
                write_optional(out, receipt.deposit_receipt_version);
                out.list([&] {
                    for (const auto& log : receipt.logs) write_log(out, log);
                });
            });
        }
    });
    return out.take();
}

Result<std::vector<TransactionOutcome>> decode_outcomes(ByteView bytes) {
    RlpReader in = OL_TRY(RlpReader::of_list(bytes, outcomes_place));
    std::vector<TransactionOutcome> out;
    std::uint64_t cumulative = 0;
    while (!in.at_end()) {
        out.push_back(OL_TRY(read_outcome(OL_TRY(in.list("outcome")))));
        cumulative += out.back().gas_used;
        out.back().receipt.cumulative_gas_used = cumulative;
    }
    return out;
}

Status for_each_log(ByteView bytes, const std::function<void(const LogView&)>& each) {
    RlpReader in = OL_TRY(RlpReader::of_list(bytes, outcomes_place));
    for (std::uint32_t index = 0; !in.at_end(); ++index) {
        RlpReader outcome = OL_TRY(in.list("outcome"));
        constexpr int members_before_logs = 10;
        for (int i = 0; i < members_before_logs; ++i) OL_TRY(outcome.raw("member"));
        RlpReader logs = OL_TRY(outcome.list("logs"));
        while (!logs.at_end()) {
            LogView view = OL_TRY(read_log(OL_TRY(logs.list("log"))));
            view.transaction_index = index;
            each(view);
        }
    }
    return {};
}

Bytes encode_changes(const StateChanges& changes) {
    RlpWriter out;
    out.list([&] {
        for (const auto& change : changes) {
            out.list([&] {
                out.bytes(change.address);
                if (change.account) {
                    write_account(out, *change.account);
                } else {
                    out.list([] {});
                }
                out.number(change.storage_cleared ? 1 : 0);
                out.list([&] {
                    for (const auto& [slot, value] : change.storage) out.number(slot).number(value);
                });
                out.list([&] {
                    if (change.code) out.bytes(change.code->bytes());
                });
            });
        }
    });
    return out.take();
}

Result<StateChanges> decode_changes(ByteView bytes) {
    RlpReader in = OL_TRY(RlpReader::of_list(bytes, changes_place));
    StateChanges out;
    while (!in.at_end()) out.push_back(OL_TRY(read_change(OL_TRY(in.list("change")))));
    return out;
}

} // namespace ol::chain
