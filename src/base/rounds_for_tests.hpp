// How often a randomised test repeats itself: a few times in ./test, the full number with
// OL_TEST_ROUNDS=full in the environment. Each round is drawn alike, so that fewer prove the same.
#pragma once

#include <cstdlib>
#include <string_view>

namespace ol {

inline bool full_test_rounds() {
    const char* const value = std::getenv("OL_TEST_ROUNDS");
    return value != nullptr && std::string_view(value) == "full";
}

template <class Number>
Number test_rounds(Number quick, Number full) {
    return full_test_rounds() ? full : quick;
}

} // namespace ol
