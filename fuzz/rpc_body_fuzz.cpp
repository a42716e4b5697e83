// A body of any bytes is answered by one JSON text; whatever stands in the parameters is read or
// refused by every reader of them.
#include <cstdint>
#include <cstdlib>

#include "chain/rpc/dispatcher.hpp"
#include "chain/rpc/jwt.hpp"
#include "chain/rpc/log_criteria.hpp"
#include "chain/rpc/payload_json.hpp"

namespace {

using namespace ol::chain;
using namespace ol::chain::rpc;

// Reads its parameters in every way there is, and answers the first.
RpcStatus read_all(Call& call) {
    for (std::size_t i = 0; i < call.params.count(); ++i) {
        const Param param = call.params[i];
        (void)param.address();
        (void)param.hash32();
        (void)param.quantity64();
        (void)param.any_number();
        (void)param.slot();
        (void)block_ref(param);
        (void)call_arguments(param);
        (void)state_override(param);
        Header header;
        (void)override_block(param, header);
        const auto criteria = log_criteria(param);
        if (criteria) {
            Log log;
            log.topics.resize(2);
            if (criteria->matches(log) && !criteria->may_match(bloom_of({&log, 1}))) std::abort();
        }
        static const ChainConfig config = ChainConfig::optimism(OpFork::isthmus, 7777);
        (void)read_payload(param, {}, config);
        (void)read_attributes(param, config);
    }
    const Param first = call.params[0];
    call.out.value(first.json());
    return {};
}

} // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    static const MethodTable table = [] {
        MethodTable out;
        out.add("a", 0, 8, read_all);
        return out;
    }();
    static const Dispatcher dispatcher(table);
    const auto answer = dispatcher.handle(ol::as_text({data, size}));
    if (!answer.text.empty() && !ol::codec::Json::parse(answer.text)) std::abort();
    if (check_jwt(ol::as_text({data, size}), ol::Hash32(), 0)) std::abort(); // never by chance
    return 0;
}
