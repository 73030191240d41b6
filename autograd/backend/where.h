// Where the user wrote an expression. Builtins instead of std::source_location: clang 14 lacks the latter.
#pragma once

namespace scoregrad {

struct Where {
  const char* file = nullptr;
  int line = 0;

  /// The line of the caller when used as a default argument.
  static constexpr Where here(const char* file = __builtin_FILE(), int line = __builtin_LINE()) { return {file, line}; }
  explicit operator bool() const { return file != nullptr; }
};

}  // namespace scoregrad
