#include "chain/state/account_rlp.hpp"

#include "chain/state/trie_changes.hpp"
#include "codec/rlp.hpp"

namespace ol::chain {

Result<Account> parse_account(ByteView rlp) {
    auto row = OL_TRY(codec::RlpReader::of_list(rlp, "account"));
    Account out;
    out.nonce = OL_TRY(row.u64("nonce"));
    out.balance = OL_TRY(row.u256("balance"));
    out.storage_root = OL_TRY(row.fixed<32>("storage root"));
    out.code_hash = OL_TRY(row.fixed<32>("code hash"));
    OL_TRY(row.end());
    return out;
}

Result<U256> parse_slot(ByteView rlp) {
    codec::RlpReader row(rlp, "storage");
    const U256 value = OL_TRY(row.u256("value"));
    OL_TRY(row.end());
    return value;
}

const CodePtr& empty_code() {
    static const CodePtr code = std::make_shared<const Code>(Bytes{}, empty_code_hash);
    return code;
}

} // namespace ol::chain
