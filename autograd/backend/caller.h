// On whose behalf this thread computes.
#pragma once
#include "autograd/backend/where.h"

namespace scoregrad {

/// Set while a rule or a composition runs: nodes and errors name this line, of what they are part of, before their own. See LineScope and
/// CallerScope in autograd/graph/mode.h.
inline constinit thread_local Where caller_line;

/// How an Error learns that line. A backend that is a library of its own carries a copy of this folder and asks the program it serves.
extern Where (*find_caller)();

}  // namespace scoregrad
