// What the environment may say: SCOREGRAD_DEVICE and its kin.
#pragma once
#include <string>
#include <vector>

namespace scoregrad {

/// What is wrong with the variables that begin with SCOREGRAD_: names that nobody reads, and values that their readers do not know; one
/// line each. The library itself does not print: a program asks once, before its work.
std::vector<std::string> environment_faults();
/// What a variable with listed values says, "" if it is not set; throws Error for any other value, in the words of environment_faults().
std::string environment_choice(const char* name);

}  // namespace scoregrad
