#include "chain/state/account_rlp.hpp"
#include "chain/state/database.hpp"
#include "chain/trie/proof.hpp"
#include "crypto/hash.hpp"

namespace ol::chain {

Status verify_proof(const Hash32& state_root, const Address& address, const AccountProof& proof) {
    const auto leaf =
        OL_TRY_IN(trie::verify_proof(state_root, crypto::keccak256(address.view()).view(),
                                     proof.account_nodes),
                  "account {}", to_hex0x(address.view()));
    Account account;
    if (leaf) {
        auto parsed = parse_account(*leaf);
        if (!parsed) return fail(ErrorCode::unverified, "{}", parsed.error().context);
        account = *parsed;
    }
    if (account != proof.account) {
        return fail(ErrorCode::unverified, "account {}: proven is another one than stated",
                    to_hex0x(address.view()));
    }
    for (const AccountProof::Slot& slot : proof.slots) {
        const Hash32 key = crypto::keccak256(slot.slot.to_be().view());
        const auto value =
            OL_TRY_IN(trie::verify_proof(account.storage_root, key.view(), slot.nodes), "slot {}",
                      slot.slot.to_quantity());
        U256 proven;
        if (value) {
            auto parsed = parse_slot(*value);
            if (!parsed) return fail(ErrorCode::unverified, "{}", parsed.error().context);
            proven = *parsed;
        }
        if (proven != slot.value) {
            return fail(ErrorCode::unverified, "slot {}: proven is another value than stated",
                        slot.slot.to_quantity());
        }
    }
    return {};
}

} // namespace ol::chain
