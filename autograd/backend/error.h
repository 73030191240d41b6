// The one exception type of the library.
#pragma once
#include <stdexcept>
#include <string>

#include "autograd/backend/where.h"

namespace scoregrad {

/// Bad input or a failed resource; what() reads "<message> [at file:line]", the user's line, and names op and shapes.
class Error : public std::runtime_error {
 public:
  Error(Where at, const std::string& message);
  Where where() const { return at_; }

 private:
  Where at_;
};

}  // namespace scoregrad
