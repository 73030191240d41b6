// Every line of primitives.def: the rule against the other sweep and against central differences, to second order, on operands with
// ordinary and with reversed strides. A line without a row here fails.
#include <map>
#include <set>

#include "autograd/compile/compile.h"
#include "autograd/graph/checkpoint.h"
#include "autograd/graph/custom.h"
#include "autograd/ops/rule.h"
#include "tests/autograd/check.h"
#include "tests/close.h"

using namespace scoregrad;

namespace {

struct Case {
  std::string primitive;  // its line in primitives.def, also the name of the node that must appear
  Functions f;
  Tensors xs;
};

// A well-conditioned matrix, and a symmetric positive definite one made of x.
Tensor regular(int64_t n, int seed) { return draw({2, n, n}, -1, 1, seed) + eye(n, {float64}) * 3; }
// Not symmetric, eigenvalues of the symmetric part apart.
Tensor spread_out(int64_t n, int seed) { return draw({2, n, n}, -1, 1, seed) + diag(arange(0, 3 * static_cast<double>(n), 3, {float64})); }
Tensor positive(const Tensor& x) { return matmul(x, transpose(x)) + eye(x.extent(-1), like(x)); }

std::vector<Case> cases() {
  const Tensor x = draw({3, 4}), y = draw({3, 4}, -1, 3, 1), cube = draw({2, 3, 4}, -2, 2, 2);
  const Tensor zeros_in = from({0, 2, 3, 0, 0, 4, 1, 2, 5}, {3, 3}, {float64});
  const Tensor which = indices({2, 0, 2, 1, 2}), picks = indices({0, 2, 2, 1, 0, 1}, {2, 3});
  const Custom cube_of{"custom", [](const Tensors& v) { return v[0] * v[0] * v[0] * v[1]; },
                       [](const Tensors& v, const Tensor& out, const Tensor& g) {
                         return Tensors{3 * g * v[0] * v[0] * v[1], g * out / v[1]};
                       },
                       [](const Tensors& v, const Tensor&, const Tensors& t) {
                         Tensor sum = zeros_like(v[0]);
                         if (t[0].defined()) sum = sum + 3 * v[0] * v[0] * v[1] * t[0];
                         if (t[1].defined()) sum = sum + v[0] * v[0] * v[0] * t[1];
                         return sum;
                       }};
  Custom derived = cube_of;
  derived.jvp = nullptr;
  return {
      {"broadcast_to",
       [](const Tensors& v) {
         return broadcast_to(v[0], {2, 3, 4});
       },
       {draw({3, 1})}},
      {"sum", [](const Tensors& v) { return sum(v[0]); }, {x}},
      {"sum",
       [](const Tensors& v) {
         return sum(v[0], {0, -1});
       },
       {cube}},
      {"sum", [](const Tensors& v) { return sum(v[0], {1}, true); }, {cube}},
      {"prod", [](const Tensors& v) { return prod(v[0], {1}); }, {x}},
      {"prod",
       [](const Tensors& v) {
         return prod(v[0], {0, 2}, true);
       },
       {cube}},
      {"prod", [](const Tensors& v) { return prod(v[0], {1}); }, {zeros_in}},
      {"prod", [](const Tensors& v) { return prod(v[0]); }, {draw({5})}},
      {"prod", [](const Tensors& v) { return prod(v[0], {0}); }, {draw({1, 3})}},
      {"max", [](const Tensors& v) { return max(v[0], {1}); }, {x}},
      {"max",
       [](const Tensors& v) {
         return max(v[0], {0, 2}, true);
       },
       {cube}},
      {"min", [](const Tensors& v) { return min(v[0]); }, {x}},
      {"norm", [](const Tensors& v) { return norm(v[0], {1}); }, {x}},
      {"norm",
       [](const Tensors& v) {
         return square(norm(v[0], {0, 2}, true)) * norm(v[0]);
       },
       {cube}},
      {"cumsum", [](const Tensors& v) { return cumsum(v[0], 1); }, {cube}},
      {"reshape",
       [](const Tensors& v) {
         return reshape(v[0], {2, 6});
       },
       {x}},
      {"reshape", [](const Tensors& v) { return reshape(transpose(v[0]), {-1}); }, {x}},
      {"permute",
       [](const Tensors& v) {
         return permute(v[0], {2, 0, 1});
       },
       {cube}},
      {"slice",
       [](const Tensors& v) {
         return slice(v[0], {{1, 3}, {{}, {}, -2}});
       },
       {x}},
      {"slice", [](const Tensors& v) { return flip(v[0], {0}) * slice_axis(v[0], 1, 1, 2); }, {x}},
      {"unslice", [](const Tensors& v) { return grad(sum(exp(slice_axis(v[0], 0, 1, 3))), v[0], {.create_graph = true}); }, {x}},
      {"diagonal", [](const Tensors& v) { return diagonal(v[0]); }, {draw({2, 3, 3})}},
      {"diag", [](const Tensors& v) { return diag(v[0]); }, {x}},
      {"concat",
       [](const Tensors& v) {
         return concat({v[0], v[1], v[0]}, 1);
       },
       {x, draw({3, 2})}},
      {"concat",
       [](const Tensors& v) {
         return stack({v[0], v[1], v[0], v[1]}, 1);
       },
       {x, y}},
      {"contiguous", [](const Tensors& v) { return clone(v[0]); }, {x}},
      {"contiguous", [](const Tensors& v) { return contiguous(transpose(v[0])); }, {x}},
      {"cast", [](const Tensors& v) { return to(v[0], float64); }, {draw({3, 4}, -2, 2, 0, float32)}},
      {"index_select", [=](const Tensors& v) { return index_select(v[0], 1, which); }, {x}},
      {"index_select", [=](const Tensors& v) { return embedding(v[0], picks); }, {x}},
      {"index_add", [=](const Tensors& v) { return index_add(v[0], 0, which, v[1]); }, {x, draw({5, 4})}},
      {"gather", [=](const Tensors& v) { return gather(v[0], 1, picks); }, {x}},
      {"gather", [](const Tensors& v) { return sort(v[0], 0).values; }, {x}},
      {"gather", [](const Tensors& v) { return sort(v[0], -1, true).values; }, {cube}},
      {"scatter_add", [=](const Tensors& v) { return scatter_add(v[0], 1, picks, v[1]); }, {x, draw({2, 3})}},
      {"matmul", [](const Tensors& v) { return matmul(v[0], v[1]); }, {x, draw({4, 2})}},
      {"matmul", [](const Tensors& v) { return matmul(v[0], v[1]); }, {cube, draw({4, 2})}},
      {"matmul", [](const Tensors& v) { return matmul(v[0], v[1]); }, {draw({3}), draw({2, 3, 4})}},
      {"matmul", [](const Tensors& v) { return matmul(v[0], v[1]); }, {draw({2, 1, 3, 4}), draw({3, 4, 2})}},
      {"matmul", [](const Tensors& v) { return dot(v[0], v[1]) + trace(matmul(v[0], transpose(v[1]))); }, {x, y}},
      {"convolution", [](const Tensors& v) { return conv1d(v[0], v[1], {.padding = 1}); }, {cube, draw({2, 3, 3}, -1, 1, 3)}},
      {"convolution",
       [](const Tensors& v) {
         return conv2d(v[0], v[1], {.stride = {2, 1}, .padding = {1, 2}, .dilation = {1, 2}, .groups = 2, .padding_after = {0, 1}});
       },
       {draw({2, 4, 4, 3}), draw({2, 2, 3, 2}, -1, 1, 3)}},
      {"convolution",
       [](const Tensors& v) {
         return conv_transpose2d(v[0], v[1], {.stride = 2, .padding = 1, .groups = 2}, {1, 0});
       },
       {draw({1, 4, 2, 3}), draw({4, 1, 3, 2}, -1, 1, 3)}},
      {"convolution",  // part `weight`
       [](const Tensors& v) { return grad(sum(exp(conv1d(v[0], v[1]))), v[1], {.create_graph = true}); },
       {draw({2, 2, 4}), draw({1, 2, 2}, -1, 1, 3)}},
      {"normalise", [](const Tensors& v) { return layer_norm(v[0], v[1], v[2]); }, {cube, draw({4}, 0.5, 2, 3), draw({4}, -1, 1, 4)}},
      {"normalise",
       [](const Tensors& v) { return group_norm(v[0], 2, v[1], v[2], 0.1); },
       {draw({2, 4, 3}, -2, 2, 2), draw({4}, 0.5, 2, 3), draw({4}, -1, 1, 4)}},
      {"cholesky", [](const Tensors& v) { return cholesky(positive(v[0])); }, {regular(3, 1)}},
      {"solve", [](const Tensors& v) { return solve(v[0], v[1]); }, {regular(3, 1), draw({3, 2})}},
      {"solve", [](const Tensors& v) { return inverse(v[0]); }, {regular(3, 2)}},
      {"triangular_solve", [](const Tensors& v) { return triangular_solve(v[0], v[1]); }, {regular(3, 1), draw({2, 3, 2})}},
      {"triangular_solve", [](const Tensors& v) { return triangular_solve(v[0], v[1], Triangle::upper); }, {regular(3, 1), draw({3, 2})}},
      {"triangular_solve",
       [](const Tensors& v) { return triangular_solve(v[0], v[1], Triangle::lower, true); },
       {select(regular(3, 1), 0, 0), draw({2, 3, 2})}},
      {"triangular_solve",
       [](const Tensors& v) { return triangular_solve(v[0], v[1], Triangle::upper, true); },
       {regular(3, 1), draw({3, 2})}},
      {"slogdet", [](const Tensors& v) { return slogdet(v[0]).logabsdet; }, {regular(3, 1)}},
      {"eigh_values", [](const Tensors& v) { return eigh(v[0]).values; }, {spread_out(4, 1)}},
      {"eigh_vectors", [](const Tensors& v) { return eigh(v[0]).vectors; }, {spread_out(3, 2)}},
      {"eigh_vectors",  // log of a positive definite matrix
       [](const Tensors& v) {
         const EigenDecomposition e = eigh(positive(v[0]));
         return matmul(e.vectors * unsqueeze(log(e.values), -2), transpose(e.vectors));
       },
       {select(regular(3, 3), 0, 0)}},
      {"tag", [](const Tensors& v) { return v[0].tag("a") * v[0].tag("b"); }, {x}},
      {"checkpoint", [](const Tensors& v) { return checkpoint([](const Tensors& w) { return tanh(w[0]) * w[1]; }, v); }, {x, y}},
      {"checkpoint",  // one operand is passed, the other captured
       [](const Tensors& v) { return checkpoint([b = v[1]](const Tensor& a) { return tanh(a * b) * b; }, v[0]); },
       {x, y}},
      {"custom", [=](const Tensors& v) { return cube_of(v); }, {x, y + 2}},
      {"custom", [=](const Tensors& v) { return derived(v); }, {x, y + 2}},
  };
}

bool computes(const Tensor& y, const std::string& op) {
  Node* const root = y.node();
  for (const Node* n : reachable({&root, 1}))
    if (n->op() == op) return true;
  return false;
}

Tensors leaves(const Tensors& xs) {
  Tensors out;
  for (const Tensor& x : xs) out.push_back(alias(x).requires_grad());
  return out;
}

template <class... C>
void check_all_made(const std::set<std::string>& made, calls::List<C...>) {
  const auto check = [&](const char* call, bool here) {
    CAPTURE(call);
    if (here) CHECK(made.count(call) == 1);
  };
  const Backend& device = backend(default_device());
  (check(C::name, device.has<C>()), ...);
}

}  // namespace

TEST_CASE("every primitive has a row, and every row meets its primitive") {
  std::map<std::string, int> seen;
  for (const Case& c : cases()) {
    CAPTURE(c.primitive);
    CHECK(computes(c.f(leaves(c.xs)), c.primitive));
    ++seen[c.primitive];
  }
  for (int p = 0; p < static_cast<int>(Primitive::count); ++p) {
    const std::string name = name_of(static_cast<Primitive>(p));
    CAPTURE(name);
    if (name != "transfer")  // needs a second device
      CHECK(seen[name] > 0);
    seen.erase(name);
  }
  CHECK(seen.empty());
}

TEST_CASE("every rule is right to second order, whatever the strides") {
  for (const Case& c : cases()) {
    CAPTURE(c.primitive);
    check_gradients(c.f, c.xs);
    Tensors strided;
    for (const Tensor& x : c.xs) strided.push_back(scattered(x));
    check_gradients(c.f, strided, {.directions = 1});
  }
}

TEST_CASE("every row and its gradient are recorded, and made again in every step on other numbers") {
  std::set<std::string> made;
  for (const Case& c : cases()) {
    CAPTURE(c.primitive);
    const compiled::Step both = [&](const Tensors& in) {
      const Tensors xs = leaves(in);
      const Tensor y = c.f(xs);
      Tensors out = grad(sum(square(y)), xs, {.allow_unused = true});
      out.push_back(y.detach());
      return out;
    };
    const auto arguments = [&](int step) {
      Tensors xs;
      for (const Tensor& x : c.xs) xs.push_back(x * (1 + draw(x.shape(), -0.03, 0.03, step, x.dtype())));
      return xs;
    };
    for (const compiled::Call& call : compiled::record(both, arguments(0), Where::here()).sequence.calls)
      made.insert(compiled::name_of(call));
    CompiledStep step(both);
    Tensors last;
    for (int n = 0; n < 6; ++n) {
      const Tensors xs = arguments(n), got = step(xs), want = both(xs);
      for (size_t i = 0; i < got.size(); ++i) CHECK(apart(got[i], want[i]) < 1e-12);
      if (n > 0) CHECK(apart(got.back(), last.back()) > 0);  // nothing is frozen
      last = got;
    }
    CHECK(step.replayed() == 3);
  }
  for (const char* of_no_rule : {"random", "fold", "upload", "download"}) made.insert(of_no_rule);  // see tests/autograd/compile/calls.cpp
  check_all_made(made, calls::All{});
}

TEST_CASE("compositions are right to second order") {
  const Tensor x = draw({3, 4}), cube = draw({2, 6, 3}, -2, 2, 2), w = draw({6}, 0.5, 2), b = draw({6}, -1, 1, 4);
  const auto check = [](const char* name, const Functions& f, const Tensors& xs) {
    CAPTURE(name);
    check_gradients(f, xs, {.directions = 1});
  };
  check("mean", [](const Tensors& v) { return mean(v[0], {1}); }, {x});
  check("var", [](const Tensors& v) { return var(v[0], {0, 1}); }, {x});
  check("var 0", [](const Tensors& v) { return var(v[0], {-1}, 0, true); }, {x});
  check("norm", [](const Tensors& v) { return norm(v[0], {1}); }, {x});
  check("logsumexp", [](const Tensors& v) { return logsumexp(v[0], {1}); }, {x});
  check("softmax", [](const Tensors& v) { return softmax(v[0], 0); }, {x});
  check("log_softmax", [](const Tensors& v) { return log_softmax(v[0]); }, {x});
  check("clamp", [](const Tensors& v) { return clamp(v[0], -1, 1); }, {x});
  check("leaky_relu", [](const Tensors& v) { return leaky_relu(v[0], 0.1); }, {x});
  check("elu", [](const Tensors& v) { return elu(v[0], 0.7); }, {x});
  check("layer_norm", [](const Tensors& v) { return layer_norm(v[0], v[1], v[2]); }, {draw({4, 6}), w, b});
  check("group_norm", [](const Tensors& v) { return group_norm(v[0], 3, v[1], v[2]); }, {cube, w, b});
  check("instance_norm", [](const Tensors& v) { return instance_norm(v[0], v[1], v[2]); }, {cube, w, b});
  const Tensor image = draw({2, 2, 4, 5});
  check("max_pool2d", [](const Tensors& v) { return square(max_pool2d(v[0], 2)); }, {image});
  check("max_pool2d", [](const Tensors& v) { return square(max_pool2d(v[0], {3, 2}, {.stride = 1, .padding = 1})); }, {image});
  check("max_pool1d", [](const Tensors& v) { return square(max_pool1d(v[0], 3, {.stride = 2})); }, {draw({2, 3, 7})});
  check("avg_pool2d", [](const Tensors& v) { return square(avg_pool2d(v[0], {2, 3}, {.stride = {1, 2}, .padding = {1, 0}})); }, {image});
  check("avg_pool1d", [](const Tensors& v) { return square(avg_pool1d(v[0], 2)); }, {draw({2, 3, 7})});
  check("upsample nearest", [](const Tensors& v) { return square(upsample(v[0], {2, 3})); }, {image});
  check("upsample linear", [](const Tensors& v) { return square(upsample(v[0], {2, 3}, Interpolation::linear)); }, {image});
  check("pad", [](const Tensors& v) { return square(pad(v[0], {{1, 0}, {2, 1}}, 0.5)); }, {x});
  check("roll", [](const Tensors& v) { return roll(v[0], -5, 1) * v[0]; }, {x});
  check("tril", [](const Tensors& v) { return tril(v[0], 1) * triu(v[0], -1); }, {x});
  check("split", [](const Tensors& v) { return split(v[0], {1, 3}, 1)[0] * split(v[0], {1, 3}, 1)[1]; }, {x});
  check("einsum pair", [](const Tensors& v) { return einsum("bij,bkj->ibk", v); }, {draw({2, 3, 4}), draw({2, 5, 4})});
  check("einsum chain", [](const Tensors& v) { return einsum("ij,jk,kl", v); }, {draw({2, 3}), draw({3, 4}), draw({4, 2})});
  check("einsum diagonal", [](const Tensors& v) { return einsum("iij,j->i", v); }, {draw({3, 3, 2}), draw({2})});
}

TEST_CASE("what a rule keeps is what it needs") {
  const Tensor x = draw({3, 4}).requires_grad(), y = draw({3, 4}), m = regular(3, 1).requires_grad();
  const auto saved = [](const Tensor& t) { return t.node()->saved_count(); };
  for (const Tensor& linear : {sum(x), reshape(x, {12}), transpose(x), slice_axis(x, 0, 0, 1), clone(x), concat({x, y}, 0), cumsum(x, 0)})
    CHECK(saved(linear) == 0);
  CHECK(saved(matmul(x, transpose(y))) == 1);  // y only
  CHECK(saved(index_select(x, 0, indices({0}))) == 1);
  CHECK(saved(prod(x)) == 1);
  CHECK(saved(max(x)) == 2);
  CHECK(saved(cholesky(m + transpose(m) + eye(3, {float64}) * 9)) == 1);
  CHECK(saved(slogdet(m).logabsdet) == 1);
}
