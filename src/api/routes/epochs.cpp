#include "api/router.hpp"
#include "api/schema.hpp"

namespace ol::api {

void add_epoch_routes(Router& router) {
    using namespace schema;
    router.add(
        {.method = "GET",
         .pattern = "/api/epochs",
         .tag = "epochs",
         .operation = "list_epochs",
         .summary = "The posted epochs",
         .response = object(
             {{"epochs", array(object({{"epoch", integer()}, {"state", text()}}))},
              {"finalised", integer("the last final epoch's number")},
              {"pending",
               or_null(object({{"epoch", integer()},
                               {"settler", address()},
                               {"bond_wei", wei()},
                               {"challenge_ends_at", integer("seconds, by the ledger's clock")}},
                              "null while none is"))}})},
        [](const Call& call) { return call.services.epochs(); });
    router.add({.method = "GET",
                .pattern = "/api/epochs/{n}",
                .tag = "epochs",
                .operation = "get_epoch",
                .summary = "One epoch with its receipts and roots",
                .response = ref("Epoch")},
               [](const Call& call) -> Result<Json> {
                   return call.services.epoch(OL_TRY(call.number_param("n")));
               });
    router.add(
        {.method = "POST",
         .pattern = "/api/epochs/settle",
         .tag = "epochs",
         .operation = "settle_epoch",
         .summary = "Redeem the vouchers and post the epoch of the open receipts with a bond",
         .response = ref("Epoch")},
        [](const Call& call) { return call.services.settle(); });
    router.add({.method = "POST",
                .pattern = "/api/epochs/finalise",
                .tag = "epochs",
                .operation = "finalise_epochs",
                .summary = "Make epochs final whose challenge window has passed",
                .response = ref("Epoch")},
               [](const Call& call) { return call.services.finalise(); });
}

} // namespace ol::api
