#include "api/router.hpp"
#include "api/schema.hpp"

namespace ol::api {

void add_status_routes(Router& router) {
    router.add(
        {.method = "GET",
         .pattern = "/api/status",
         .tag = "node",
         .operation = "get_status",
         .summary = "What this node is and how much it holds",
         .response = schema::object({{"version", schema::text()},
                                     {"development", schema::boolean("a chain for trying")},
                                     {"base", schema::text("the base model's name")},
                                     {"chain", schema::object({{"id", schema::integer()},
                                                               {"url", schema::text()},
                                                               {"block", schema::integer()}})},
                                     {"datanets", schema::integer()},
                                     {"records", schema::integer()},
                                     {"models", schema::integer()},
                                     {"receipts", schema::integer()},
                                     {"epochs", schema::integer()},
                                     {"contracts", schema::any()}})},
        [](const Call& call) { return call.services.status(); });
    router.add(
        {.method = "GET",
         .pattern = "/api/contracts",
         .tag = "node",
         .operation = "get_contracts",
         .summary = "Addresses of the ledger's contracts and the domain vouchers are signed in",
         .response = schema::object(
             {{"chain_id", schema::integer()},
              {"parameters", schema::address()},
              {"vault", schema::address()},
              {"datanets", schema::address()},
              {"models", schema::address()},
              {"escrow", schema::address()},
              {"settlement", schema::address()},
              {"host", schema::address()},
              {"escrow_domain", schema::object({{"name", schema::text()},
                                                {"version", schema::text()},
                                                {"chainId", schema::integer()},
                                                {"verifyingContract", schema::address()}})}})},
        [](const Call& call) { return call.services.contracts(); });
    router.add_raw({.method = "POST",
                    .pattern = "/rpc",
                    .tag = "node",
                    .operation = "rpc",
                    .summary = "JSON-RPC, passed to the ledger as it is",
                    .request = schema::any("a JSON-RPC 2.0 request or a batch of them"),
                    .request_is_free = true,
                    .response = schema::any("the ledger's answer"),
                    .handler = [](const Call& call) -> Result<net::Response> {
                        net::Response out;
                        out.body = OL_TRY(call.services.rpc(call.request.body));
                        return out;
                    }});
    router.add_raw({.method = "GET",
                    .pattern = "/openapi.json",
                    .tag = "node",
                    .operation = "get_openapi",
                    .summary = "This description",
                    .response = schema::object({}),
                    .handler = [](const Call& call) -> Result<net::Response> {
                        net::Response out;
                        out.body = call.openapi;
                        return out;
                    }});
}

} // namespace ol::api
