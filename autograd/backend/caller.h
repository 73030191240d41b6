// On whose behalf this thread computes.
#pragma once
#include "autograd/backend/where.h"

namespace scoregrad {

/// Set while a rule or a composition runs: nodes and errors name this line, of what they are part of, before their own. See LineScope and
/// CallerScope in autograd/graph/mode.h.
inline constinit thread_local Where caller_line;

}  // namespace scoregrad
