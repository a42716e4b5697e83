// PostProcessor: the tokens that a model wants around a text (tokenizer.json's post_processor, for
// a single sequence).
#pragma once

#include <vector>

#include "base/result.hpp"
#include "codec/json.hpp"
#include "model/tokenizer/vocabulary.hpp"

namespace ol::model {

class PostProcessor {
public:
    // TemplateProcessing, ByteLevel, BertProcessing, RobertaProcessing, Sequence; null does
    // nothing. `id_limit`: ids must be below.
    static Result<PostProcessor> from_json(const codec::Json& json, std::size_t id_limit);

    // One more layer around what is there.
    void wrap(std::vector<TokenId> before, std::vector<TokenId> after);
    void apply(std::vector<TokenId>& ids) const;

private:
    Status add(const codec::Json& json, std::size_t id_limit, int depth);
    Status add_template(const codec::Json& json, std::size_t id_limit);

    std::vector<TokenId> before_, after_;
};

} // namespace ol::model
