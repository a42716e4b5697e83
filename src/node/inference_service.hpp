// InferenceService: paid answers. Voucher checked, answer served by OpenLoRA, traced against the
// adapter's datanet version, receipt signed and kept - all or nothing.
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "api/services.hpp"
#include "market/receipt.hpp"
#include "market/voucher.hpp"
#include "node/model_service.hpp"

namespace ol::node {

struct Quote {
    Address host;
    U256 price;      // at most, for this request: max_tokens are assumed
    U256 owed;       // by this payer to this host so far, requests under way included
    U256 cumulative; // what the voucher must promise: owed + price
    U256 deposited;  // on the ledger, not yet redeemed ones included
    U256 price_in, price_out, platform_fee;
};

struct Answer {
    openlora::Completion completion;
    market::SignedReceipt receipt;
    Hash32 receipt_hash;
};

class InferenceService {
public:
    static Result<std::unique_ptr<InferenceService>>
    open(Context& context, DatanetService& datanets, ModelService& models);

    Address host() const { return host_; }
    // The chat template applied, or the text prompt as it is.
    Result<std::string> prompt_of(const api::CompletionCall& call) const;
    Result<Quote> quote(const api::CompletionCall& call, const Address& payer);
    // With an adapter: payment without a voucher that covers the quote. A crash or a failure before
    // the receipt is stored costs the payer nothing.
    Result<Answer> answer(const api::CompletionCall& call,
                          const std::function<bool(std::string_view)>& on_text);
    // The base alone: free, no attribution.
    Result<openlora::Completion>
    complete_base(const api::CompletionCall& call,
                  const std::function<bool(std::string_view)>& on_text);

    Result<market::SignedReceipt> receipt(const Hash32& hash) const;
    Result<codec::Json> receipts_json(std::uint64_t offset, std::uint64_t limit) const;
    Result<codec::Json> receipt_json(const market::SignedReceipt& receipt) const;
    // Everything recomputed from public data; {"verified": true} or the fault.
    Result<codec::Json> verify(const Hash32& hash);
    // Receipts in no epoch yet, by host and nonce.
    Result<std::vector<market::SignedReceipt>> unsettled() const;
    Result<market::Parties> parties_of(const AdapterRow& adapter) const;
    Result<std::optional<market::Fault>> find_fault(const market::SignedReceipt& receipt);
    Result<std::uint64_t> receipt_count() const;
    Result<std::shared_ptr<const OpenVersion>> version(const Hash32& datanet_id,
                                                       std::uint64_t number) {
        return datanets_.version(datanet_id, number);
    }

private:
    InferenceService(Context& context, DatanetService& datanets, ModelService& models)
        : context_(context)
        , datanets_(datanets)
        , models_(models) {}
    struct Channel {
        U256 owed, voucher_cumulative;
    };
    Result<Channel> channel(const Address& payer) const;
    // What a new promise must cover before its own price; with mutex_ held.
    Result<U256> owed_and_reserved(const Address& payer) const;
    Status store(const market::SignedReceipt& receipt, const market::Voucher& voucher,
                 const std::string& adapter);

    Context& context_;
    DatanetService& datanets_;
    ModelService& models_;
    Address host_;
    std::mutex mutex_;                 // channels, nonces, reservations
    std::map<Address, U256> reserved_; // price of requests under way, by payer
};

} // namespace ol::node
