// The check of passes is itself checked: each fault that a pass might make is made by hand.
#include "autograd/compile/verify.h"

#include <algorithm>

#include "autograd/compile/passes.h"
#include "autograd/compile/recording.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"
#include "tests/catch.h"
#include "tests/message.h"

using namespace scoregrad;
using compiled::Sequence;

namespace {

// All other tests of this program run with every pass of every step verified.
[[maybe_unused]] const bool verified = (compiled::set_verification(true), true);

struct Recorded {
  Tensor state = ones({8, 3});
  Sequence recorded = compiled::record(
                          [this](const Tensors& x) {
                            const Tensor y = matmul(x[0], transpose(x[0])), z = cumsum(tanh(y), 0);
                            add_(state, x[0]);
                            return Tensors{sum(z, {1}), matmul(z, x[0]) + sin(from({1, 2, 3}, like(x[0])))};
                          },
                          {normal({8, 3}, Key(1))}, Where::here())
                          .sequence;
  Sequence planned = compiled::passed(recorded, Pass::planned);

  // The fault of the planned list after a change.
  template <class F>
  std::string after(F change) const {
    Sequence s = planned;
    change(s);
    return compiled::fault(s, recorded);
  }
};

// The first call that satisfies a condition.
template <class F>
size_t where_is(const Sequence& s, F f) {
  for (size_t i = 0; i < s.calls.size(); ++i)
    if (f(s.calls[i])) return i;
  FAIL("there is no such call");
  return 0;
}
bool says(const std::string& fault, const std::string& part) {
  INFO(fault);
  return fault.find(part) != std::string::npos;
}

}  // namespace

TEST_CASE("what the passes make has no fault, at any stage") {
  const Recorded r;
  for (const Pass stage : {Pass::recorded, Pass::merged, Pass::folded, Pass::fused, Pass::blocked, Pass::planned})
    CHECK(compiled::fault(compiled::passed(r.recorded, stage), r.recorded) == "");
}

TEST_CASE("each fault of a broken pass is found") {
  const Recorded r;
  const auto is_cumsum = [](const compiled::Call& c) { return compiled::is<calls::CumSum>(c); };
  const auto is_matmul = [](const compiled::Call& c) { return compiled::is<calls::Matmul>(c); };
  const auto writes_state = [&](const compiled::Call& c) {
    return std::any_of(c.out.begin(), c.out.end(), [&](const auto& p) {
      return p.buffer != compiled::none && r.recorded.buffers[p.buffer].kind == compiled::Buffer::captured;
    });
  };
  const size_t sums = where_is(r.planned, is_cumsum), product = where_is(r.planned, is_matmul), state = where_is(r.planned, writes_state);
  const auto at = [](size_t i) { return static_cast<std::ptrdiff_t>(i); };

  CHECK(says(r.after([&](Sequence& s) { s.calls.erase(s.calls.begin() + at(product)), s.once.erase(s.once.begin() + at(product)); }),
             "which nothing has written"));
  CHECK(says(r.after([&](Sequence& s) { std::swap(s.calls[sums], s.calls[product]); }), "which nothing has written"));
  CHECK(says(r.after([&](Sequence& s) { s.calls.erase(s.calls.begin() + at(state)), s.once.erase(s.once.begin() + at(state)); }),
             "is written no more"));
  CHECK(says(r.after([&](Sequence& s) {
    for (compiled::Place& p : s.calls[state].out) p.shape[0] = 7;
  }),
             "is written no more, or not all of it"));
  CHECK(says(r.after([&](Sequence& s) { s.calls[sums].in[0].offset = 4; }), "touches bytes"));
  CHECK(says(r.after([&](Sequence& s) { s.calls[sums].out[0].strides[0] = -8; }), "touches bytes"));
  CHECK(says(r.after([&](Sequence& s) { s.calls[sums].in[0].buffer = 1000; }), "which there is not"));
  CHECK(says(r.after([&](Sequence& s) { s.once.pop_back(); }), "marks"));
  CHECK(says(r.after([&](Sequence& s) { s.once[product] = 1; }), "which may change"));
  CHECK(says(r.after([&](Sequence& s) { s.calls[where_is(s, [](const auto& c) { return !c.code.empty(); })].code[0].a = 99; }),
             "reads register 99"));
  CHECK(says(r.after([&](Sequence& s) { s.calls[where_is(s, [](const auto& c) { return !c.results.empty(); })].results[0] = 99; }),
             "stores register 99"));
  CHECK(says(r.after([&](Sequence& s) { s.bands = {{0, 2, 8, 2}, {1, 2, 8, 2}}; }), "inside the one before"));
  CHECK(says(r.after([&](Sequence& s) { s.bands = {{0, 2, 0, 2}}; }), "no calls or no rows"));
  CHECK(says(r.after([&](Sequence& s) { s.buffers[s.calls[sums].in[0].buffer].band = 0; }), "belongs to band 0"));
  CHECK(says(r.after([&](Sequence& s) { s.arenas[0].bytes = 64; }), "outside its arena"));
  CHECK(says(r.after([&](Sequence& s) { s.arena_offset[s.calls[sums].in[0].buffer] = s.arena_offset[s.calls[sums].out[0].buffer]; }),
             "live at the same time in the same place"));
}

TEST_CASE("a pass that breaks a step is named") {
  const Recorded r;
  Sequence broken = r.planned;
  broken.results[0].buffer = 1000;
  CHECK(says(message_of([&] { compiled::verify("plan", broken, r.recorded); }), "after the pass plan, a result names buffer 1000"));
}
