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
inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace scoregrad
