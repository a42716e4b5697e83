#include "api/router.hpp"
#include "api/routes/paging.hpp"
#include "api/schema.hpp"

namespace ol::api {

void add_receipt_routes(Router& router) {
    using namespace schema;
    router.add({.method = "GET",
                .pattern = "/api/receipts",
                .tag = "receipts",
                .operation = "list_receipts",
                .summary = "Receipts of answers, newest first",
                .parameters = paging_parameters(),
                .response = object({{"receipts", array(ref("ReceiptRow"))}, {"total", integer()}})},
               [](const Call& call) -> Result<Json> {
                   const Page page = OL_TRY(page_of(call));
                   return call.services.receipts(page.offset, page.limit);
               });
    router.add({.method = "GET",
                .pattern = "/api/receipts/{hash}",
                .tag = "receipts",
                .operation = "get_receipt",
                .summary = "One receipt with its spans, shares and payouts",
                .response = ref("Receipt")},
               [](const Call& call) -> Result<Json> {
                   return call.services.receipt(OL_TRY(call.hash_param("hash")));
               });
    router.add({.method = "GET",
                .pattern = "/api/receipts/{hash}/verify",
                .tag = "receipts",
                .operation = "verify_receipt",
                .summary = "Recompute everything in a receipt and say what does not hold",
                .response = object({{"receipt", hash()}, {"verified", boolean()}})},
               [](const Call& call) -> Result<Json> {
                   return call.services.verify_receipt(OL_TRY(call.hash_param("hash")));
               });
}

} // namespace ol::api
