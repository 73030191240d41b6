#include "autograd/backend/error.h"

#include <fmt/format.h>

#include <cstring>

#include "autograd/backend/caller.h"

namespace scoregrad {

Where (*find_caller)() = [] { return caller_line; };

namespace {

// The line inside a composition says little to its caller, but all to whoever wrote it.
std::string located(const std::string& message, Where at) {
  const Where found = find_caller(), caller = found ? found : at;
  if (!caller) return message;
  if (!at || (at.line == caller.line && std::strcmp(at.file, caller.file) == 0))
    return fmt::format("{} [at {}:{}]", message, caller.file, caller.line);
  return fmt::format("{} [at {}:{}, in {}:{}]", message, caller.file, caller.line, at.file, at.line);
}

}  // namespace

Error::Error(Where at, const std::string& message) : std::runtime_error(located(message, at)), at_(find_caller() ? find_caller() : at) {}

}  // namespace scoregrad
