// Einstein summation as products of pairs: each operand loses its repeated letters, then neighbours are multiplied from left to right as
// one batched matrix product, and a letter is summed as soon as nobody further needs it.
#include <fmt/format.h>

#include <algorithm>

#include "autograd/ops/ops.h"
#include "autograd/ops/rule.h"

namespace scoregrad {
namespace {

/// A tensor whose axes have letters.
struct Lettered {
  Tensor value;
  std::string letters;
  int64_t extent(char c) const { return value.shape()[static_cast<int>(letters.find(c))]; }
  bool has(char c) const { return letters.find(c) != std::string::npos; }
};

Lettered ordered(const Lettered& x, const std::string& letters) {
  if (letters == x.letters) return x;
  Axes order;
  for (char c : letters) order.push_back(static_cast<int64_t>(x.letters.find(c)));
  return {permute(x.value, order), letters};
}

// A letter that occurs twice: its diagonal.
Lettered distinct(Lettered x) {
  for (size_t i = 0; i < x.letters.size(); ++i) {
    const size_t twin = x.letters.find(x.letters[i], i + 1);
    if (twin == std::string::npos) continue;
    Axes order;
    std::string rest;
    for (size_t k = 0; k < x.letters.size(); ++k)
      if (k != i && k != twin) {
        order.push_back(static_cast<int64_t>(k));
        rest += x.letters[k];
      }
    order.push_back(static_cast<int64_t>(i));
    order.push_back(static_cast<int64_t>(twin));
    return distinct({diagonal(permute(x.value, order)), rest + x.letters[i]});
  }
  return x;
}

Lettered without(const Lettered& x, const std::string& needed) {
  Axes gone;
  std::string rest;
  for (size_t i = 0; i < x.letters.size(); ++i)
    if (needed.find(x.letters[i]) == std::string::npos)
      gone.push_back(static_cast<int64_t>(i));
    else
      rest += x.letters[i];
  return gone.rank == 0 ? x : Lettered{sum(x.value, gone), rest};
}

Shape extents(const Lettered& x, const std::string& letters) {
  Shape s;
  for (char c : letters) s.push_back(x.extent(c));
  return s;
}

Lettered multiply(Lettered a, Lettered b, const std::string& needed, Where at) {
  a = without(a, needed + b.letters);
  b = without(b, needed + a.letters);
  std::string batch, summed, left, right;
  for (char c : a.letters) (!b.has(c) ? left : needed.find(c) != std::string::npos ? batch : summed) += c;
  for (char c : b.letters)
    if (!a.has(c)) right += c;
  check_rank(static_cast<int>(batch.size() + left.size() + right.size()), "einsum", at);
  const auto matrix = [&](const Lettered& x, const std::string& rows, const std::string& columns) {
    return reshape(ordered(x, batch + rows + columns).value,
                   {numel(extents(x, batch)), numel(extents(x, rows)), numel(extents(x, columns))});
  };
  Shape shape = extents(a, batch + left);
  for (int64_t n : extents(b, right)) shape.push_back(n);
  const Tensor rows = matrix(a, left, summed), columns = matrix(b, summed, right);
  return {reshape(matmul(Operand(rows, at.file, at.line), columns), shape), batch + left + right};
}

struct Spec {
  std::vector<std::string> inputs;
  std::string output;
};

Spec parse(const std::string& text, const Tensors& xs, Where at) {
  const auto refuse = [&](const std::string& why) { throw Error(at, fmt::format("einsum: \"{}\": {}", text, why)); };
  std::string s;
  std::copy_if(text.begin(), text.end(), std::back_inserter(s), [](char c) { return c != ' '; });
  const size_t arrow = s.find("->");
  Spec spec{{""}, arrow == std::string::npos ? "" : s.substr(arrow + 2)};
  for (char c : s.substr(0, arrow)) {
    if (c == ',')
      spec.inputs.emplace_back();
    else
      spec.inputs.back() += c;
  }
  const auto is_letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  std::string all;
  for (const std::string& in : spec.inputs) all += in;
  if (!std::all_of(all.begin(), all.end(), is_letter)) refuse("operands are named by letters, separated by commas");
  if (spec.inputs.size() != xs.size()) refuse(fmt::format("{} operands are described, {} are given", spec.inputs.size(), xs.size()));
  if (arrow == std::string::npos)
    for (char c = 'A'; c <= 'z'; ++c)
      if (std::count(all.begin(), all.end(), c) == 1) spec.output += c;
  for (char c : spec.output)
    if (all.find(c) == std::string::npos || std::count(spec.output.begin(), spec.output.end(), c) > 1)
      refuse(fmt::format("the result's '{}' must occur in an operand, and once in the result", c));
  for (size_t i = 0; i < xs.size(); ++i)
    if (static_cast<int>(spec.inputs[i].size()) != defined(xs[i], "einsum", at).rank())
      refuse(fmt::format("operand {} is {} and has the shape {}", i, spec.inputs[i], to_string(xs[i].shape())));
  for (size_t i = 0; i < xs.size(); ++i)
    for (size_t k = 0; k < spec.inputs[i].size(); ++k) {
      const char c = spec.inputs[i][k];
      for (size_t j = 0; j <= i; ++j)
        if (const size_t other = spec.inputs[j].find(c); other != std::string::npos) {
          const int64_t one = xs[j].shape()[static_cast<int>(other)], two = xs[i].shape()[static_cast<int>(k)];
          if (one != two) refuse(fmt::format("'{}' is {} in operand {} and {} in operand {}", c, one, j, two, i));
        }
    }
  return spec;
}

}  // namespace

Tensor einsum(const std::string& text, const Tensors& xs, Where at) {
  const Spec spec = parse(text, xs, at);
  const CallerScope line(at, "einsum");
  const auto needed_after = [&](size_t i) {
    std::string letters = spec.output;
    for (size_t k = i + 1; k < xs.size(); ++k) letters += spec.inputs[k];
    return letters;
  };
  Lettered product = without(distinct({xs[0], spec.inputs[0]}), needed_after(0));
  for (size_t i = 1; i < xs.size(); ++i) product = multiply(product, distinct({xs[i], spec.inputs[i]}), needed_after(i), at);
  return ordered(product, spec.output).value;
}

}  // namespace scoregrad
