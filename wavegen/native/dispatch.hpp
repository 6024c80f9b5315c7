// The builds that this library holds and this processor can run.
#pragma once

#include <string_view>

#include "build.hpp"

namespace wg {

// Best first, separated by commas.
const char* build_names();

// The build of this name, or the best one where the name is empty; null where there is none.
const Build* find_build(std::string_view name);

}  // namespace wg
