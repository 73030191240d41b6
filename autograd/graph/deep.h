// Recursion that a user's program asks for, such as checkpoints in checkpoints, does not end with the stack of the thread.
#pragma once
#include <functional>

namespace scoregrad {

/// Calls f, on a new stack from the heap if less than 256 KiB of the present one are left. What f throws is thrown on; throws Error if
/// there is no memory for a stack.
void with_stack(const std::function<void()>& f);

}  // namespace scoregrad
