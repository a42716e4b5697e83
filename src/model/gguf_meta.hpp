// The key-value part of a GGUF file.
#pragma once

#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "base/file.hpp"
#include "base/result.hpp"
#include "model/config.hpp"

namespace ol::model {

// Members in the order in which they are added; numbers little endian.
class GgufMeta {
public:
    void put(std::string_view key, std::uint32_t value) {
        begin(key, 4);
        number(value);
    }
    void put(std::string_view key, std::int32_t value) {
        begin(key, 5);
        number(value);
    }
    void put(std::string_view key, float value) {
        begin(key, 6);
        number(value);
    }
    void put_flag(std::string_view key, bool value) {
        begin(key, 7);
        bytes_.push_back(value ? 1 : 0);
    }
    void put(std::string_view key, std::string_view value) {
        begin(key, 8);
        text(value);
    }
    void put(std::string_view key, const std::vector<std::string>& values) {
        array(key, 8, values.size());
        for (const auto& value : values) text(value);
    }
    void put(std::string_view key, const std::vector<float>& values) {
        array(key, 6, values.size());
        for (const auto value : values) number(value);
    }
    void put(std::string_view key, const std::vector<std::int32_t>& values) {
        array(key, 5, values.size());
        for (const auto value : values) number(value);
    }

    std::uint64_t count() const { return count_; }
    const Bytes& bytes() const { return bytes_; }

    template <class T>
    static void append_number(Bytes& to, T value) {
        std::uint8_t raw[sizeof(T)];
        std::memcpy(raw, &value, sizeof(T));
        to.insert(to.end(), raw, raw + sizeof(T));
    }
    static void append_text(Bytes& to, std::string_view value) {
        append_number(to, static_cast<std::uint64_t>(value.size()));
        to.insert(to.end(), value.begin(), value.end());
    }

private:
    void begin(std::string_view key, std::uint32_t type) {
        append_text(bytes_, key);
        append_number(bytes_, type);
        ++count_;
    }
    void array(std::string_view key, std::uint32_t type, std::size_t size) {
        begin(key, 9);
        append_number(bytes_, type);
        append_number(bytes_, static_cast<std::uint64_t>(size));
    }
    template <class T>
    void number(T value) {
        append_number(bytes_, value);
    }
    void text(std::string_view value) { append_text(bytes_, value); }

    Bytes bytes_;
    std::uint64_t count_ = 0;
};

// tokenizer.ggml.* of the tokenizer in `folder`, and the chat template. unsupported, by name, for a
// tokenizer that llama.cpp has not.
Status add_gguf_tokenizer(GgufMeta& meta, const ModelConfig& config, const Path& folder);

} // namespace ol::model
