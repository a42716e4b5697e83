// TextStream: from the bytes of tokens to text that may be shown: whole UTF-8 only, and nothing
// that could still turn out to be a stop string. The text as a whole does not depend on how the
// bytes were cut.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace ol::openlora {

class TextStream {
public:
    // Empty stop strings are ignored.
    explicit TextStream(std::vector<std::string> stop);

    // The text that is certain now. After a stop string was found nothing follows.
    std::string push(std::string_view bytes);
    // What was held back; an incomplete sequence at the end reads as U+FFFD.
    std::string finish();
    bool stopped() const { return stopped_; }

private:
    std::string release(bool all);

    std::vector<std::string> stop_;
    std::string bytes_; // an incomplete sequence
    std::string held_;  // valid text that a stop string may begin in
    bool stopped_ = false;
};

} // namespace ol::openlora
