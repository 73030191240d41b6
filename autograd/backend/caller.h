// On whose behalf this thread computes.
#pragma once
#include "autograd/backend/where.h"

namespace scoregrad {

/// Set while a rule or a composition runs: nodes and errors name this line, of what they are part of, before their own. See LineScope and
/// CallerScope in autograd/graph/mode.h.
inline constinit thread_local Where caller_line;
/// The composition that runs for that line, if it has a name of its own: errors of the ops that it is made of speak in its name.
inline constinit thread_local const char* caller_op = nullptr;

/// The line that had a function of the user's called: it speaks for the function where that has no line of its own, as an op of the library
/// has none behind a std::function.
inline constinit thread_local Where function_line;

struct Caller {
  Where line;
  const char* op;
};
/// For whom an Error raised at `at` speaks: the line is the first of these that lies in a file of the user's, neither the library's nor the
/// compiler's. A backend that is a library of its own carries a copy of this folder and asks the program it serves.
extern Caller (*find_caller)(Where at);
/// True if a line is the user's.
bool is_users(Where at);

}  // namespace scoregrad
