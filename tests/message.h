// What an error says, for assertions about its text.
#pragma once
#include <functional>
#include <string>

#include "autograd/backend/error.h"
#include "tests/catch.h"

namespace scoregrad {

/// The text of the Error that f throws; a failure if it throws none.
inline std::string message_of(const std::function<void()>& f) {
  try {
    f();
  } catch (const Error& e) {
    return e.what();
  }
  FAIL("nothing was thrown");
  return {};
}
/// Checks that what f throws names a line of `file`, the caller's, and none inside the library or the compiler's own headers.
inline void speaks_of(const char* file, const std::function<void()>& f) {
  std::string text = "nothing was thrown";
  Where where;
  try {
    f();
  } catch (const Error& e) {
    text = e.what();
    where = e.where();
  }
  CAPTURE(text);
  CHECK(std::string(where ? where.file : "no file") == file);
  for (size_t i = text.find("[at "); i != std::string::npos; i = text.find(" in ", i + 1)) {
    const std::string named = text.substr(i + 4, text.find(':', i) - i - 4);
    CHECK(named == file);
  }
}
inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace scoregrad
