#include "autograd/backend/error.h"

#include <fmt/format.h>

namespace scoregrad {

Error::Error(Where at, const std::string& message)
    : std::runtime_error(at ? fmt::format("{} [at {}:{}]", message, at.file, at.line) : message), at_(at) {}

}  // namespace scoregrad
