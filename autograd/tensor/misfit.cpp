#include "autograd/tensor/misfit.h"

#include <fmt/format.h>

namespace scoregrad {

Error misfit(Where at, const std::string& op, const std::string& what, const ExtentsText& wanted, const ExtentsText& came,
             const std::string& advice) {
  return {at, fmt::format("{}: {} wanted{}, {} came{}", op, wanted.text, what.empty() ? "" : " for " + what, came.text,
                          advice.empty() ? "" : "; " + advice)};
}

Error misfit(Where at, const std::string& op, const std::string& what, const Tensor& like, const Tensor& came) {
  const bool types = came.defined() && came.dtype() != like.dtype(), places = came.defined() && came.device() != like.device();
  const auto described = [&](const Tensor& x) -> ExtentsText {
    if (!types && !places) return x;
    return kind_of(x) + (places ? fmt::format(" on {}", name_of(x.device())) : "");
  };
  return misfit(at, op, what, described(like), described(came));
}

bool is_like(const Tensor& like, const Tensor& came) {
  return came.defined() && came.shape() == like.shape() && came.dtype() == like.dtype() && came.device() == like.device();
}

void check_like(Where at, const char* op, const char* what, const Tensor& like, const Tensor& came) {
  if (!is_like(like, came)) throw misfit(at, op, what, like, came);
}

std::string extents_of(const std::vector<Tensor>& xs) {
  std::string out;
  for (size_t i = 0; i < xs.size(); ++i) out += (i == 0 ? "" : i + 1 < xs.size() ? ", " : " and ") + ExtentsText(xs[i]).text;
  return out;
}

std::string kind_of(const Tensor& x) { return x.defined() ? kind_of(x.dtype(), x.shape()) : "nothing"; }
std::string kind_of(DType dtype, const Shape& shape) { return fmt::format("{} {}", name_of(dtype), to_string(shape)); }

std::string with_letter(const Shape& shape, int axis, const char* letter) {
  std::string out = "[";
  for (int i = 0; i < shape.rank; ++i) {
    if (i > 0) out += ", ";
    out += i == axis ? letter : std::to_string(shape[i]);
  }
  return out + "]";
}

}  // namespace scoregrad
