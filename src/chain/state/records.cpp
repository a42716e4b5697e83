#include "chain/state/records.hpp"

#include "chain/state/account_rlp.hpp"

namespace ol::chain {

namespace {

constexpr std::uint8_t has_code = 1, has_storage = 2;
constexpr std::size_t head_bytes = 8 + 32 + 8 + 8;

std::unexpected<Error> malformed(std::string_view what) {
    return fail(ErrorCode::corrupted, "the state's {} is malformed", what);
}

Bytes key_of(const TrieOwner& owner, std::size_t more) {
    Bytes out;
    out.reserve(32 + 1 + more);
    if (owner) append(out, owner->view());
    return out;
}

class Cut {
public:
    explicit Cut(ByteView bytes)
        : left_(bytes) {}
    std::optional<ByteView> take(std::size_t size) {
        if (size > left_.size()) return std::nullopt;
        const ByteView out = left_.first(size);
        left_ = left_.subspan(size);
        return out;
    }
    std::optional<U256> number(std::size_t widest) {
        const auto size = take(1);
        if (!size || (*size)[0] > widest) return std::nullopt;
        const auto bytes = take((*size)[0]);
        if (!bytes || (!bytes->empty() && (*bytes)[0] == 0)) return std::nullopt;
        return U256::from_be(*bytes);
    }
    bool hash(Hash32& out) {
        const auto bytes = take(32);
        if (bytes) std::memcpy(out.data.data(), bytes->data(), 32);
        return bytes.has_value();
    }
    bool is_done() const { return left_.empty(); }

private:
    ByteView left_;
};

} // namespace

std::size_t put_account_record(std::uint8_t* out, const Account& account) {
    std::uint8_t* at = out + 1;
    const auto put = [&](ByteView bytes) {
        std::memcpy(at, bytes.data(), bytes.size());
        at += bytes.size();
    };
    for (const U256& number : {U256(account.nonce), account.balance}) {
        const NumberBytes bytes(number);
        *at++ = static_cast<std::uint8_t>(bytes.view().size());
        put(bytes.view());
    }
    out[0] = 0;
    if (account.code_hash != empty_code_hash) {
        out[0] |= has_code;
        put(account.code_hash.view());
    }
    if (account.storage_root != empty_root_hash) {
        out[0] |= has_storage;
        put(account.storage_root.view());
    }
    return static_cast<std::size_t>(at - out);
}

Result<Account> decode_account_record(ByteView bytes) {
    Cut cut(bytes);
    const auto flags = cut.take(1);
    if (!flags || (*flags)[0] > (has_code | has_storage)) return malformed("account");
    const auto nonce = cut.number(8);
    const auto balance = cut.number(32);
    if (!nonce || !balance) return malformed("account");
    Account out;
    out.nonce = nonce->low_u64();
    out.balance = *balance;
    const bool is_whole = (((*flags)[0] & has_code) == 0 || cut.hash(out.code_hash)) &&
                          (((*flags)[0] & has_storage) == 0 || cut.hash(out.storage_root)) &&
                          cut.is_done();
    if (!is_whole) return malformed("account");
    return out;
}

Bytes encode_slot_record(const U256& value) {
    const NumberBytes bytes(value);
    return {bytes.view().begin(), bytes.view().end()};
}

Result<U256> decode_slot_record(ByteView bytes) {
    if (bytes.empty() || bytes.size() > 32 || bytes[0] == 0) return malformed("slot");
    return U256::from_be(bytes);
}

Bytes encode_head(const Head& head) {
    Bytes out(head_bytes);
    put_be64(out.data(), head.number);
    std::memcpy(out.data() + 8, head.root.data.data(), 32);
    put_be64(out.data() + 40, head.version);
    put_be64(out.data() + 48, head.oldest);
    return out;
}

Result<Head> decode_head(ByteView bytes) {
    if (bytes.size() != head_bytes) return malformed("head");
    Head out;
    out.number = get_be64(bytes.data());
    std::memcpy(out.root.data.data(), bytes.data() + 8, 32);
    out.version = get_be64(bytes.data() + 40);
    out.oldest = get_be64(bytes.data() + 48);
    return out;
}

ByteView head_key() { return as_bytes("head"); }

Bytes slot_record_key(const SlotKey& key) {
    Bytes out = key_of(key.owner, 32);
    append(out, key.slot.view());
    return out;
}

Bytes link_key(const TrieOwner& owner, const trie::Path& at) {
    Bytes out = key_of(owner, at.view().size());
    out.push_back(at.size);
    append(out, at.view());
    return out;
}

Bytes leaf_key(const TrieOwner& owner, const trie::Path& at) {
    Bytes out = key_of(owner, at.view().size());
    append(out, at.view());
    return out;
}

} // namespace ol::chain
