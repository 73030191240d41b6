// Every call of the contract inside a compiled step, on data that change from step to step: one that a replay did not make would be found
// frozen. A call without a step_of does not compile.
#include <algorithm>

#include "autograd/compile/compile.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

// Arguments of step number n: a [4, 3], a positive definite [3, 3], positions [4, 3], a key, an image [1, 2, 5, 5].
Tensors arguments(uint64_t n) {
  const Tensor x = normal({4, 3}, Key(1).fold(n)), half = normal({3, 3}, Key(2).fold(n));
  Tensors all{x, matmul(half, transpose(half)) + 3 * eye(3), integers(0, 4, {4, 3}, Key(3).fold(n)), Key(4).fold(n).tensor(),
              normal({1, 2, 5, 5}, Key(5).fold(n))};
  return all;
}

// A step that makes the call.
template <class C>
Tensors step_of(const Tensors& x) = delete;

// Makes the call on new tensors.
template <class C>
void make(const Tensor& on, const C& c) {
  on.backend().call(Where::here(), c);
}
Tensor like_of(const Tensor& x) { return empty(x.shape(), like(x)); }

template <>
Tensors step_of<calls::Elementwise>(const Tensors& x) {
  return {tanh(x[0])};
}
template <>
Tensors step_of<calls::Copy>(const Tensors& x) {
  const Tensor y = empty({3, 4}, like(x[0]));
  make(y, calls::Copy{y.view(), transpose(x[0]).view()});
  return {y};
}
template <>
Tensors step_of<calls::Fill>(const Tensors& x) {  // what is filled is the same in every step; what is added to it is not
  const Tensor y = like_of(x[0]);
  make(y, calls::Fill{y.view(), {2.5, 2}});
  return {y + x[0]};
}
template <>
Tensors step_of<calls::Reduce>(const Tensors& x) {
  const Tensor y = empty({4, 1}, like(x[0]));
  make(y, calls::Reduce{Reduction::max, y.view(), x[0].view(), {1}});
  return {y};
}
template <>
Tensors step_of<calls::ReduceProgram>(const Tensors& x) {
  const Tensor y = empty({4, 1}, like(x[0]));
  const Instr square{Op::square_, 1, 0, 0, 0};
  const uint16_t result = 1;
  const Access in{x[0].bytes(), x[0].dtype(), x[0].strides()};
  make(y, calls::ReduceProgram{Reduction::sum, y.view(), {x[0].dtype(), 1, 0, nullptr, 1, &square, 1, &result}, x[0].shape(), &in, {1}});
  return {y};
}
template <>
Tensors step_of<calls::CumSum>(const Tensors& x) {
  const Tensor y = like_of(x[0]);
  make(y, calls::CumSum{y.view(), x[0].view(), 0});
  return {y};
}
template <>
Tensors step_of<calls::Sort>(const Tensors& x) {
  const Tensor y = like_of(x[0]), order = empty(x[0].shape(), {int64, x[0].device()});
  make(y, calls::Sort{y.view(), order.view(), x[0].view(), 1, true});
  return {y, order};
}
template <>
Tensors step_of<calls::Gather>(const Tensors& x) {
  const Tensor y = like_of(x[0]);
  make(y, calls::Gather{y.view(), x[0].view(), x[2].view(), 0});
  return {y};
}
template <>
Tensors step_of<calls::ScatterAdd>(const Tensors& x) {
  const Tensor y = ones(x[0].shape(), like(x[0]));
  make(y, calls::ScatterAdd{y.view(), x[2].view(), x[0].view(), 0});
  return {y};
}
template <>
Tensors step_of<calls::IndexSelect>(const Tensors& x) {
  const Tensor y = like_of(x[0]);
  make(y, calls::IndexSelect{y.view(), x[0].view(), select(x[2], 1, 0).view(), 0});
  return {y};
}
template <>
Tensors step_of<calls::IndexAdd>(const Tensors& x) {
  const Tensor y = ones(x[0].shape(), like(x[0]));
  make(y, calls::IndexAdd{y.view(), select(x[2], 1, 0).view(), x[0].view(), 0});
  return {y};
}
template <>
Tensors step_of<calls::Matmul>(const Tensors& x) {
  const Tensor y = like_of(x[0]);
  make(y, calls::Matmul{y.view(), x[0].view(), x[1].view()});
  return {y};
}
template <>
Tensors step_of<calls::Convolve>(const Tensors& x) {
  const Tensor y = empty({1, 1, 4, 4}, like(x[4])), w = ones({1, 2, 2, 2}, like(x[4]));
  make(y, calls::Convolve{ConvolutionPart::forward, y.view(), x[4].view(), w.view(), {{1, 1}, {0, 0}, {1, 1}, 1}});
  return {y};
}
template <>
Tensors step_of<calls::Draw>(const Tensors& x) {
  const Tensor y = like_of(x[0]);
  make(y, calls::Draw{Random::normal, y.view(), Key(x[3]).words(), 5});
  return {y};
}
template <>
Tensors step_of<calls::Fold>(const Tensors& x) {
  const Tensor y = empty({4, 2}, like(x[2]));
  make(y, calls::Fold{y.view(), Key(x[3]).words(), select(x[2], 1, 1).view()});
  return {y};
}
template <>
Tensors step_of<calls::Cholesky>(const Tensors& x) {
  const Tensor y = like_of(x[1]);
  make(y, calls::Cholesky{y.view(), x[1].view()});
  return {y};
}
template <>
Tensors step_of<calls::Solve>(const Tensors& x) {
  const Tensor y = empty({3, 4}, like(x[0])), b = contiguous(transpose(x[0]));
  make(y, calls::Solve{y.view(), x[1].view(), b.view()});
  return {y};
}
template <>
Tensors step_of<calls::TriangularSolve>(const Tensors& x) {
  const Tensor y = empty({3, 4}, like(x[0])), b = contiguous(transpose(x[0]));
  make(y, calls::TriangularSolve{y.view(), x[1].view(), b.view(), Triangle::upper, true});
  return {y};
}
template <>
Tensors step_of<calls::SlogDet>(const Tensors& x) {
  const Tensor y = empty({}, like(x[1])), sign = empty({}, like(x[1]));
  make(y, calls::SlogDet{y.view(), sign.view(), x[1].view()});
  return {y, sign};
}
template <>
Tensors step_of<calls::Eigh>(const Tensors& x) {
  const Tensor y = empty({3}, like(x[1])), v = like_of(x[1]);
  make(y, calls::Eigh{y.view(), v.view(), x[1].view()});
  return {y, v};
}
template <>
Tensors step_of<calls::Upload>(const Tensors& x) {  // the host's bytes are the same in every step; what is added to them is not
  const float host[3] = {1, 2, 3};
  const Tensor y = empty({3}, like(x[0]));
  make(y, calls::Upload{calls::bytes_at(y.bytes(), sizeof host), {host, sizeof host}});
  return {x[0] + y};
}
template <>
Tensors step_of<calls::Download>(const Tensors& x) {
  float host[12];
  make(x[0], calls::Download{{host, sizeof host}, calls::bytes_at(x[0].bytes(), sizeof host)});
  return {full({}, host[0], like(x[0]))};
}

template <class C>
bool is_made(const compiled::Sequence& s) {
  return std::any_of(s.calls.begin(), s.calls.end(), [](const compiled::Call& c) { return compiled::is<C>(c); });
}
std::vector<std::vector<double>> values(const Tensors& ys) {
  std::vector<std::vector<double>> all;
  for (const Tensor& y : ys) all.push_back(y.to_vector<double>());
  return all;
}

template <class C>
void walk() {
  INFO(C::name);
  if (!ones({1}).backend().has<C>()) return;
  if (std::is_same_v<C, calls::Download>) {  // what the host reads cannot be replayed
    CompiledStep step(step_of<C>);
    step(arguments(0));
    CHECK(message_of([&] { step(arguments(1)); }).find("a value was read on the host") != std::string::npos);
    return;
  }
  CHECK(is_made<C>(compiled::record(step_of<C>, arguments(0), Where::here()).sequence));
  CompiledStep step(step_of<C>);
  std::vector<std::vector<std::vector<double>>> seen;
  for (uint64_t n = 0; n < 7; ++n) {
    const Tensors x = arguments(n);
    const auto got = values(step(x));
    CHECK(step.replayed() == (n < 3 ? 0 : static_cast<int64_t>(n) - 2));
    CHECK(got == values(step_of<C>(x)));
    CHECK(std::find(seen.begin(), seen.end(), got) == seen.end());
    seen.push_back(got);
  }
}
template <class... C>
void walk_all(calls::List<C...>) {
  (walk<C>(), ...);
}

}  // namespace

TEST_CASE("every call of the contract is recorded and made again in every step") { walk_all(calls::All{}); }

TEST_CASE("attributes and bytes of the host that change from step to step are named") {
  int64_t step_number = 0;
  const auto difference_of = [&](auto f) {
    CompiledStep step([&, f](const Tensors& x) {
      ++step_number;
      return f(x);
    });
    step(arguments(0)), step(arguments(1));
    return message_of([&] { step(arguments(2)); });
  };
  CHECK(difference_of([&](const Tensors& x) { return Tensors{cumsum(x[1], step_number % 2)}; }).find("its axis changed") !=
        std::string::npos);
  CHECK(difference_of([&](const Tensors& x) {
          return Tensors{normal({3}, Key(9), like(x[0]), static_cast<uint64_t>(step_number))};
        }).find("its offset changed") != std::string::npos);
  CHECK(difference_of([&](const Tensors& x) {
          return Tensors{normal({3}, Key(static_cast<uint64_t>(step_number)), like(x[0]))};
        }).find("the key of its random numbers") != std::string::npos);
  CHECK(difference_of([&](const Tensors& x) {
          return Tensors{x[0] + from({1, 2, static_cast<double>(step_number)}, like(x[0]))};
        }).find("data of the host changed") != std::string::npos);
  CHECK(difference_of([&](const Tensors& x) {
          return Tensors{full({3}, static_cast<double>(step_number), like(x[0]))};
        }).find("a number of the host changed from") != std::string::npos);
}
