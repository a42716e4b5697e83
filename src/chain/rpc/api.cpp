#include "chain/rpc/api.hpp"

namespace ol::chain::rpc {

Api::Api(Blockchain& chain, TransactionPool& pool, Sequencer* sequencer, ApiOptions options,
         const Clock& clock)
    : backend_(chain, pool, sequencer, std::move(options))
    , feed_(backend_)
    , filters_(backend_, feed_, clock)
    , subscriptions_(feed_)
    , engine_(backend_)
    , public_(public_table_)
    , authenticated_(engine_table_) {
    feed_.add(filters_);
    feed_.add(subscriptions_);
    add_public(public_table_);
    if (backend_.options.development && sequencer != nullptr) {
        development_ = std::make_unique<Development>(backend_);
        add_development_methods(public_table_, *development_);
    }
    add_public(engine_table_);
    add_engine_methods(engine_table_, engine_, backend_);
    feed_.start();
}

Api::~Api() { stop(); }

void Api::add_public(MethodTable& table) {
    add_general_methods(table, backend_);
    add_chain_methods(table, backend_);
    add_raw_methods(table, backend_);
    add_state_methods(table, backend_);
    add_call_methods(table, backend_);
    add_fee_methods(table, backend_);
    add_log_methods(table, backend_);
    add_pool_methods(table, backend_);
    add_trace_methods(table, backend_);
    add_filter_methods(table, filters_);
    add_subscription_methods(table, subscriptions_);
}

} // namespace ol::chain::rpc
