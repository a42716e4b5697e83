// Execution payloads and payload attributes of the Engine API (execution-apis, Paris to Prague; OP
// specs, "Execution engine").
#pragma once

#include "chain/rpc/backend.hpp"

namespace ol::chain::rpc {

// What goes beside the payload in engine_newPayloadV3 and V4.
struct PayloadExtras {
    std::optional<Hash32> parent_beacon_block_root;
    std::optional<std::vector<Bytes>> requests; // Prague
};
struct ReadPayload {
    Block block;
    Hash32 claimed_hash;
};
// invalid_params where the form is wrong; a payload whose transactions do not decode has their
// error in `fault`.
struct PayloadFault {
    std::string why;
};
RpcResult<std::expected<ReadPayload, PayloadFault>>
read_payload(const Param& payload, const PayloadExtras& extras, const ChainConfig& config);

// engine_getPayload's executionPayload; the members that the block's fork has.
void print_payload(Writer& out, const Block& block, const Hash32& hash, bool is_isthmus);
// engine_getPayloadBodies.
void print_payload_body(Writer& out, const Block& block);

RpcResult<PayloadAttributes> read_attributes(const Param& attributes, const ChainConfig& config);

} // namespace ol::chain::rpc
