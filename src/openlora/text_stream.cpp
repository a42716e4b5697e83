#include "openlora/text_stream.hpp"

#include <algorithm>
#include <cstdint>

namespace ol::openlora {

namespace {

constexpr std::string_view replacement = "\xef\xbf\xbd"; // U+FFFD

enum class Shape { complete, incomplete, invalid };

struct Sequence {
    Shape shape = Shape::invalid;
    std::size_t size = 1; // bytes to take
};

// The sequence at the front of bytes, by table 3-7 of the Unicode standard; an invalid one is as
// long as its maximal well-formed beginning, so that each such part becomes one U+FFFD.
Sequence front_sequence(std::string_view bytes) {
    const auto at = [&](std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); };
    const auto lead = at(0);
    if (lead < 0x80) return {Shape::complete, 1};
    std::size_t size = 0;
    std::uint8_t low = 0x80, high = 0xbf;
    if (lead >= 0xc2 && lead <= 0xdf) {
        size = 2;
    } else if (lead >= 0xe0 && lead <= 0xef) {
        size = 3;
        if (lead == 0xe0) low = 0xa0;
        if (lead == 0xed) high = 0x9f;
    } else if (lead >= 0xf0 && lead <= 0xf4) {
        size = 4;
        if (lead == 0xf0) low = 0x90;
        if (lead == 0xf4) high = 0x8f;
    } else {
        return {Shape::invalid, 1};
    }
    for (std::size_t i = 1; i < size; ++i) {
        if (i == bytes.size()) return {Shape::incomplete, i};
        if (at(i) < low || at(i) > high) return {Shape::invalid, i};
        low = 0x80;
        high = 0xbf;
    }
    return {Shape::complete, size};
}

} // namespace

TextStream::TextStream(std::vector<std::string> stop)
    : stop_(std::move(stop)) {
    std::erase_if(stop_, [](const std::string& text) { return text.empty(); });
}

std::string TextStream::push(std::string_view bytes) {
    if (stopped_) return {};
    bytes_.append(bytes);
    std::size_t taken = 0;
    while (taken < bytes_.size()) {
        const auto next = front_sequence(std::string_view(bytes_).substr(taken));
        if (next.shape == Shape::incomplete) break;
        if (next.shape == Shape::complete) {
            held_.append(bytes_, taken, next.size);
        } else {
            held_.append(replacement);
        }
        taken += next.size;
    }
    bytes_.erase(0, taken);
    return release(false);
}

std::string TextStream::finish() {
    if (stopped_) return {};
    if (!bytes_.empty()) held_.append(replacement);
    bytes_.clear();
    return release(true);
}

// Cuts at a stop string; else keeps back the longest end that a stop string begins with.
std::string TextStream::release(bool all) {
    // The stop string that is complete first counts (of two, the longer): what byte-wise reading
    // finds.
    std::size_t cut = 0, first_end = std::string::npos;
    for (const auto& stop : stop_) {
        const auto at = held_.find(stop);
        if (at == std::string::npos) continue;
        const auto end = at + stop.size();
        if (end < first_end || (end == first_end && at < cut)) {
            first_end = end;
            cut = at;
        }
    }
    if (first_end != std::string::npos) {
        stopped_ = true;
        auto out = held_.substr(0, cut);
        held_.clear();
        return out;
    }
    std::size_t keep = 0;
    if (!all) {
        for (const auto& stop : stop_) {
            const auto most = std::min(stop.size() - 1, held_.size());
            for (std::size_t size = most; size > keep; --size) {
                if (held_.ends_with(std::string_view(stop).substr(0, size))) keep = size;
            }
        }
    }
    // A stop string may begin with a part of a character; text given out never does.
    std::size_t end = held_.size() - keep;
    while (end > 0 && end < held_.size() && (held_[end] & 0xc0) == 0x80) --end;
    auto out = held_.substr(0, end);
    held_.erase(0, end);
    return out;
}

} // namespace ol::openlora
