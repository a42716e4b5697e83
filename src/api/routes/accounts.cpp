#include "api/router.hpp"
#include "api/schema.hpp"

namespace ol::api {

void add_account_routes(Router& router) {
    using namespace schema;
    router.add({.method = "GET",
                .pattern = "/api/accounts/{address}",
                .tag = "accounts",
                .operation = "get_account",
                .summary = "Balance, earnings, claims and records of an account",
                .response = ref("Account")},
               [](const Call& call) -> Result<Json> {
                   return call.services.account(OL_TRY(call.address_param("address")));
               });
    router.add({.method = "POST",
                .pattern = "/api/accounts/{address}/claim",
                .tag = "accounts",
                .operation = "claim",
                .summary = "Pay out what the account has earned in final epochs",
                .response = object({{"account", address()}, {"claimed_wei", wei()}})},
               [](const Call& call) -> Result<Json> {
                   return call.services.claim(OL_TRY(call.address_param("address")));
               });
    router.add({.method = "POST",
                .pattern = "/api/accounts/{address}/fund",
                .tag = "accounts",
                .operation = "fund",
                .summary = "Give the account OPEN to try things with; on a development chain only",
                .response = object({{"account", address()}, {"balance_wei", wei()}})},
               [](const Call& call) -> Result<Json> {
                   return call.services.fund(OL_TRY(call.address_param("address")));
               });
}

} // namespace ol::api
