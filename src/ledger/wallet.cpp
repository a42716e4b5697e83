#include "ledger/wallet.hpp"

#include <algorithm>

#include "codec/json.hpp"
#include "crypto/hash.hpp"
#include "crypto/keystore.hpp"

namespace ol::ledger {

namespace {

using codec::Json;

constexpr std::uint64_t keystore_file_bytes = 64 << 10;
constexpr std::size_t name_limit = 40;
constexpr std::string_view extension = ".json";

Status check_name(std::string_view name) {
    const bool good =
        !name.empty() && name.size() <= name_limit &&
        std::all_of(name.begin(), name.end(), [](char c) {
            return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        });
    if (good) return {};
    return fail(ErrorCode::invalid_argument,
                "'{}' is not a wallet's name: use 1 to {} of a-z, 0-9, '-' and '_'", name,
                name_limit);
}

// RFC 9562, version 4.
std::string random_uuid() {
    Bytes bytes = crypto::random_bytes(16);
    bytes[6] = static_cast<std::uint8_t>((bytes[6] & 0x0f) | 0x40);
    bytes[8] = static_cast<std::uint8_t>((bytes[8] & 0x3f) | 0x80);
    std::string hex = to_hex(bytes);
    for (const std::size_t dash : {20, 16, 12, 8}) hex.insert(dash, 1, '-');
    return hex;
}

Json keystore_json(const Address& address, const crypto::KeystoreCipher& cipher) {
    return Json::object(
        {{"version", 3},
         {"id", random_uuid()},
         {"address", to_hex(address.view())},
         {"crypto", Json::object({{"cipher", "aes-128-ctr"},
                                  {"cipherparams", Json::object({{"iv", to_hex(cipher.iv)}})},
                                  {"ciphertext", to_hex(cipher.ciphertext)},
                                  {"kdf", "scrypt"},
                                  {"kdfparams", Json::object({{"dklen", 32},
                                                              {"n", cipher.scrypt_n},
                                                              {"r", cipher.scrypt_r},
                                                              {"p", cipher.scrypt_p},
                                                              {"salt", to_hex(cipher.salt)}})},
                                  {"mac", to_hex(cipher.mac.view())}})}});
}

Status expect_text(const Json& parent, std::string_view key, std::string_view expected) {
    const std::string found = OL_TRY(OL_TRY(parent.require(key))->as_string());
    if (found == expected) return {};
    return fail(ErrorCode::unsupported, "{} is '{}'; only '{}' is read", key, found, expected);
}

Result<crypto::KeystoreCipher> cipher_from(const Json& json) {
    if (const auto version = OL_TRY(OL_TRY(json.require("version"))->as_int()); version != 3) {
        return fail(ErrorCode::unsupported, "keystore version {}; only 3 is read", version);
    }
    const Json& parts = *OL_TRY(json.require(json.contains("Crypto") ? "Crypto" : "crypto"));
    OL_TRY(expect_text(parts, "cipher", "aes-128-ctr"));
    OL_TRY(expect_text(parts, "kdf", "scrypt"));
    const Json& parameters = *OL_TRY(parts.require("kdfparams"));
    crypto::KeystoreCipher out;
    out.iv = OL_TRY_IN(parts["cipherparams"]["iv"].as_hex_bytes(), "cipherparams.iv");
    out.ciphertext = OL_TRY_IN(parts["ciphertext"].as_hex_bytes(), "ciphertext");
    out.mac = OL_TRY_IN(parts["mac"].as_hash32(), "mac");
    out.salt = OL_TRY_IN(parameters["salt"].as_hex_bytes(), "kdfparams.salt");
    out.scrypt_n = OL_TRY_IN(parameters["n"].as_uint(), "kdfparams.n");
    const auto r = OL_TRY_IN(parameters["r"].as_uint(), "kdfparams.r");
    const auto p = OL_TRY_IN(parameters["p"].as_uint(), "kdfparams.p");
    if (r == 0 || p == 0 || r > 1024 || p > 1024) {
        return fail(ErrorCode::too_large, "kdfparams r = {}, p = {}: 1 to 1024 are read", r, p);
    }
    out.scrypt_r = static_cast<std::uint32_t>(r);
    out.scrypt_p = static_cast<std::uint32_t>(p);
    if (out.iv.size() != 16 || out.ciphertext.size() != 32) {
        return fail(ErrorCode::invalid_argument,
                    "iv of {} and ciphertext of {} bytes; 16 and 32 are read", out.iv.size(),
                    out.ciphertext.size());
    }
    return out;
}

Result<Json> read_keystore(const Path& file) {
    const std::string text = OL_TRY(read_text_file(file, keystore_file_bytes));
    auto json = Json::parse(text);
    if (!json) return fail(ErrorCode::corrupted, "{}: {}", file.string(), json.error().context);
    return json;
}

// What is wrong inside of a file that is there: said with the file's name.
template <class T>
Result<T> inside(const Path& file, Result<T> result) {
    if (result || result.error().code == ErrorCode::unsupported ||
        result.error().code == ErrorCode::permission_denied ||
        result.error().code == ErrorCode::too_large) {
        return result ? std::move(result)
                      : Result<T>(std::unexpected(result.error().within(file.string())));
    }
    return fail(ErrorCode::corrupted, "{}: {}", file.string(), result.error().context);
}

} // namespace

Wallet::Wallet(Path folder)
    : folder_(std::move(folder)) {}

Result<crypto::PrivateKey> Wallet::create(const std::string& name, std::string_view password,
                                          std::uint64_t scrypt_n) {
    const crypto::PrivateKey key = crypto::PrivateKey::generate();
    OL_TRY(import(name, key, password, scrypt_n));
    return key;
}

Status Wallet::import(const std::string& name, const crypto::PrivateKey& key,
                      std::string_view password, std::uint64_t scrypt_n) {
    OL_TRY(check_name(name));
    const Path file = folder_ / (name + std::string(extension));
    std::error_code ignored;
    if (std::filesystem::exists(file, ignored)) {
        return fail(ErrorCode::already_exists, "wallet '{}' exists ({}): choose another name", name,
                    file.string());
    }
    const auto cipher = OL_TRY(crypto::keystore_encrypt(key.secret(), password, scrypt_n));
    return write_secret_file(file, keystore_json(key.address(), cipher).dump(2) + "\n");
}

Result<crypto::PrivateKey> Wallet::open(const std::string& name, std::string_view password) const {
    OL_TRY(check_name(name));
    const Path file = folder_ / (name + std::string(extension));
    std::error_code ignored;
    if (!std::filesystem::exists(file, ignored)) {
        return fail(ErrorCode::not_found, "no wallet '{}' in {}: create it or name another", name,
                    folder_.string());
    }
    const Json json = OL_TRY(read_keystore(file));
    const auto cipher = OL_TRY(inside(file, cipher_from(json)));
    const Hash32 secret = OL_TRY(inside(file, crypto::keystore_decrypt(cipher, password)));
    auto key = OL_TRY(inside(file, crypto::PrivateKey::from_bytes(secret.view())));
    if (json.contains("address")) {
        const Address stated = OL_TRY(inside(file, json["address"].as_address()));
        if (stated != key.address()) {
            return fail(ErrorCode::corrupted, "{}: the file says {} and its key is of {}",
                        file.string(), to_hex0x(stated.view()), to_hex0x(key.address().view()));
        }
    }
    return key;
}

Result<std::vector<WalletEntry>> Wallet::list() const {
    std::vector<WalletEntry> out;
    std::error_code ignored;
    if (!std::filesystem::exists(folder_, ignored)) return out;
    for (const Path& file : OL_TRY(list_files(folder_))) {
        const std::string name = file.stem().string();
        if (file.parent_path() != folder_ || file.extension() != extension || !check_name(name)) {
            continue;
        }
        const Json json = OL_TRY(read_keystore(file));
        out.push_back({name, OL_TRY(inside(file, json["address"].as_address())), file});
    }
    std::sort(out.begin(), out.end(),
              [](const WalletEntry& a, const WalletEntry& b) { return a.name < b.name; });
    return out;
}

} // namespace ol::ledger
