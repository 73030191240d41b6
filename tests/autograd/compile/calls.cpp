// The calls of the contract that no differentiable op makes, inside a compiled step, on data that change from step to step: one that a
// replay did not make would be found frozen. All others are in the steps of tests/autograd/ops/rules.cpp, which fails for one it lacks.
#include <algorithm>

#include "autograd/compile/compile.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace scoregrad;

namespace {

// Arguments of step number n: numbers [4, 3], positions [4, 3] and a key.
Tensors arguments(uint64_t n) { return {normal({4, 3}, Key(1).fold(n)), integers(0, 4, {4, 3}, Key(3).fold(n)), Key(4).fold(n).tensor()}; }

// A step that makes the call.
template <class C>
Tensors step_of(const Tensors& x);

// Makes the call on new tensors.
template <class C>
void make(const Tensor& on, const C& c) {
  on.backend().call(Where::here(), c);
}
Tensor like_of(const Tensor& x) { return empty(x.shape(), like(x)); }

template <>
Tensors step_of<calls::Fill>(const Tensors& x) {  // what is filled is the same in every step; what is added to it is not
  const Tensor y = like_of(x[0]);
  make(y, calls::Fill{y.view(), {2.5, 2}});
  return {y + x[0]};
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
Tensors step_of<calls::Draw>(const Tensors& x) {
  const Tensor y = like_of(x[0]);
  make(y, calls::Draw{Random::normal, y.view(), Key(x[2]).words(), 5});
  return {y};
}
template <>
Tensors step_of<calls::Fold>(const Tensors& x) {
  const Tensor y = empty({4, 2}, like(x[1]));
  make(y, calls::Fold{y.view(), Key(x[2]).words(), select(x[1], 1, 1).view()});
  return {y};
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

TEST_CASE("calls that no op with a rule makes are recorded and made again in every step") {
  walk_all(calls::List<calls::Fill, calls::ReduceProgram, calls::Draw, calls::Fold, calls::Upload, calls::Download>{});
}

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
  CHECK(difference_of([&](const Tensors& x) { return Tensors{cumsum(x[0], step_number % 2)}; }).find("its axis changed") !=
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
