// The values of the block store: whatever decodes encodes to what decodes alike.
#include "chain/block_codec.hpp"

#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace ol;
    using namespace ol::chain;
    const ByteView bytes(data, size);
    if (const auto changes = decode_changes(bytes)) {
        if (!decode_changes(encode_changes(*changes))) std::abort();
    }
    if (const auto outcomes = decode_outcomes(bytes)) {
        const auto again = decode_outcomes(encode_outcomes(*outcomes));
        if (!again || again->size() != outcomes->size()) std::abort();
        std::size_t logs = 0;
        if (!for_each_log(bytes, [&](const LogView&) { ++logs; })) std::abort();
        for (const auto& outcome : *outcomes) logs -= outcome.receipt.logs.size();
        if (logs != 0) std::abort();
    }
    if (const auto body = decode_body(bytes)) {
        if (body->senders.size() != body->transactions.size()) std::abort();
        StoredBlock block;
        block.block.transactions = body->transactions;
        block.block.ommers = body->ommers;
        block.block.withdrawals = body->withdrawals;
        block.senders = body->senders;
        block.size_bytes = body->block_bytes;
        const auto again = decode_body(encode_body(block));
        if (!again || again->transactions != body->transactions) std::abort();
    }
    return 0;
}
