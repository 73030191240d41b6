#include "autograd/backend/error.h"

#include <fmt/format.h>

#include <cstring>
#include <string_view>

#include "autograd/backend/caller.h"

namespace scoregrad {

namespace {

// The folder that the library was compiled in, with its slash: what stands before this file's own path.
std::string_view root() {
  constexpr std::string_view here = __FILE__, own = "autograd/backend/error.cpp";
  return here.substr(0, here.size() - own.size());
}

bool same(Where a, Where b) { return a.line == b.line && std::strcmp(a.file, b.file) == 0; }

// "gather: ..." of a composition is "embedding: ...".
std::string renamed(const std::string& message, const char* op) {
  const size_t end = message.find_first_not_of("abcdefghijklmnopqrstuvwxyz_0123456789");
  return op && end != std::string::npos && message.compare(end, 2, ": ") == 0 ? op + message.substr(end) : message;
}

// The line inside a user's composition says little to its caller, but all to whoever wrote it.
std::string located(const std::string& raw, Where at) {
  const Caller caller = find_caller(at);
  const std::string message = renamed(raw, caller.op);
  if (!caller.line) return message;
  if (!is_users(at) || same(at, caller.line)) return fmt::format("{} [at {}:{}]", message, caller.line.file, caller.line.line);
  return fmt::format("{} [at {}:{}, in {}:{}]", message, caller.line.file, caller.line.line, at.file, at.line);
}

}  // namespace

bool is_users(Where at) {
  if (!at) return false;
  const std::string_view file = at.file;
  if (file.find("/include/c++/") != std::string_view::npos) return false;
  if (file.find("include/scoregrad/") != std::string_view::npos) return false;  // installed headers
  if (file.substr(0, root().size()) != root()) return true;
  const std::string_view path = file.substr(root().size());
  for (const std::string_view room :
       {"autograd/", "reference/", "cpu/", "cuda/", "nn/", "distributions/", "samplers/", "losses/", "report/"})
    if (path.substr(0, room.size()) == room) return false;
  return true;
}

Caller (*find_caller)(Where) = [](Where at) -> Caller {
  for (const Where line : {caller_line, at, function_line})
    if (is_users(line)) return {line, caller_op};
  return {caller_line ? caller_line : at, caller_op};
};

Error::Error(Where at, const std::string& message) : std::runtime_error(located(message, at)), at_(find_caller(at).line) {}

}  // namespace scoregrad
