// The requests of the two completion routes: OpenAI's members, checked, as a CompletionCall.
#pragma once

#include "api/router.hpp"

namespace ol::api {

struct CompletionOptions {
    CompletionCall call;
    bool stream = false;
};

// chat: messages; otherwise: prompt. invalid_argument for what is wrong, unsupported for OpenAI's
// members whose meaning this server would not keep (n > 1, tools, logprobs, images, ...).
Result<CompletionOptions> parse_completion(const Call& call, bool chat);

// The schema of the same.
Json completion_schema(bool chat);

} // namespace ol::api
