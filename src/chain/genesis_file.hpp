// The genesis that a chain's folder was begun with, kept beside it in geth's form, so that the
// folder can be opened without saying again what it is: by later versions of the predeploys too.
#pragma once

#include <functional>

#include "base/file.hpp"
#include "chain/types/chain_config.hpp"

namespace ol::chain {

// geth's genesis.json; genesis_from_json reads the same genesis back.
codec::Json genesis_to_json(const Genesis& genesis);

// folder/genesis.json.
Path genesis_file(const Path& folder);
// not_found when the folder holds no chain.
Result<Genesis> read_genesis(const Path& folder);
// The folder's, or what make() gives, which is then written there.
Result<Genesis> read_or_make_genesis(const Path& folder,
                                     const std::function<Result<Genesis>()>& make);

} // namespace ol::chain
