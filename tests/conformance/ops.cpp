// op_gradients: value, J' ybar, J xdot and the Hessian of <ybar, f> times xdot of one op on views of its inputs.
#include "scoregrad/fmt.h"

#include "tests/conformance/derivatives.h"
#include "tests/conformance/kinds.h"

namespace conformance {
namespace {

using Inputs = const Tensors&;
using Attributes = const Field&;
using Function = Tensor (*)(Inputs, Attributes);

// "dims": a list or null for all; "dim": one axis.
Axes axes_of(Attributes a) {
  if (a.has("dims")) return a["dims"].integers();
  return a.has("dim") ? Axes{a["dim"].integer()} : Axes{};
}
bool keep_of(Attributes a) { return a.has("keepdim") && a["keepdim"].flag(); }
int64_t axis_of(Attributes a) { return a["dim"].integer(); }

std::vector<Slice> slices_of(const Field& ranges) {
  std::vector<Slice> slices;
  for (size_t i = 0; i < ranges.size(); ++i) {
    const Field r = ranges[i];
    const auto bound = [&](size_t k) { return r[k].json().is_null() ? std::optional<int64_t>() : r[k].integer(); };
    slices.push_back({bound(0), bound(1), r.size() > 2 ? r[2].integer() : 1});
  }
  return slices;
}

// -1 keeps an extent.
Tensor expand(const Tensor& x, std::vector<int64_t> shape) {
  for (size_t i = 0; i < shape.size(); ++i)
    if (shape[i] == -1) shape[i] = x.extent(static_cast<int64_t>(i) - static_cast<int64_t>(shape.size()));
  return broadcast_to(x, shape);
}

std::vector<Padding> padding_of(Attributes a) {
  std::vector<Padding> all;
  const Field pads = a["pad"];
  for (size_t i = 0; i < pads.size(); ++i) all.push_back({pads[i][0].integer(), pads[i][1].integer()});
  return all;
}

// "stride", "padding", "dilation", ..: a number or a list.
PerAxis per_axis(Attributes a, const char* name, PerAxis otherwise) {
  if (!a.has(name)) return otherwise;
  PerAxis out;
  if (a[name].json().is_array())
    for (int64_t n : a[name].integers()) out.push_back(n);
  else
    out.push_back(a[name].integer());
  return out;
}
ConvOptions conv_of(Attributes a) {
  return {per_axis(a, "stride", 1), per_axis(a, "padding", 0), per_axis(a, "dilation", 1), a.has("groups") ? a["groups"].integer() : 1, {}};
}
// The third input is added to each channel.
Tensor biased(const Tensor& y, Inputs x) {
  Shape column{y.extent(1)};
  for (int i = 2; i < y.rank(); ++i) column.push_back(1);
  return y + reshape(x[2], column);
}
PoolOptions pool_of(Attributes a) { return {per_axis(a, "stride", {}), per_axis(a, "padding", 0)}; }

template <Tensor (*f)(Operand)>
Tensor unary(Inputs x, Attributes) {
  return f(x[0]);
}
template <Tensor (*f)(Operand, Operand)>
Tensor binary(Inputs x, Attributes) {
  return f(x[0], x[1]);
}
template <Tensor (*f)(Operand, const Axes&, bool)>
Tensor reduction(Inputs x, Attributes a) {
  return f(x[0], axes_of(a), keep_of(a));
}

struct Row {
  size_t inputs;
  Function f;
};
const std::map<std::string, Row>& table() {
  // clang-format off
  static const std::map<std::string, Row> rows = {
      {"neg", {1, unary<neg>}}, {"exp", {1, unary<exp>}}, {"log", {1, unary<log>}}, {"sqrt", {1, unary<sqrt>}},
      {"rsqrt", {1, unary<rsqrt>}}, {"reciprocal", {1, unary<reciprocal>}}, {"square", {1, unary<square>}}, {"abs", {1, unary<abs>}},
      {"sin", {1, unary<sin>}}, {"cos", {1, unary<cos>}}, {"tan", {1, unary<tan>}}, {"tanh", {1, unary<tanh>}},
      {"sinh", {1, unary<sinh>}}, {"cosh", {1, unary<cosh>}}, {"asinh", {1, unary<asinh>}}, {"atan", {1, unary<atan>}},
      {"sigmoid", {1, unary<sigmoid>}}, {"softplus", {1, unary<softplus>}}, {"logsigmoid", {1, unary<logsigmoid>}},
      {"silu", {1, unary<silu>}}, {"gelu_erf", {1, unary<gelu>}}, {"relu", {1, unary<relu>}}, {"erf", {1, unary<erf>}},
      {"erfc", {1, unary<erfc>}}, {"erfinv", {1, unary<erfinv>}}, {"log1p", {1, unary<log1p>}}, {"expm1", {1, unary<expm1>}},
      {"sign", {1, unary<sign>}}, {"floor", {1, unary<floor>}},
      {"elu", {1, [](Inputs x, Attributes a) { return elu(x[0], a.has("alpha") ? a["alpha"].number() : 1); }}},
      {"leaky_relu", {1, [](Inputs x, Attributes a) { return leaky_relu(x[0], a["slope"].number()); }}},
      {"pow_scalar", {1, [](Inputs x, Attributes a) { return pow(x[0], a["exponent"].number()); }}},
      {"clamp", {1, [](Inputs x, Attributes a) { return clamp(x[0], a["min"].number(), a["max"].number()); }}},

      {"add", {2, binary<add>}}, {"sub", {2, binary<sub>}}, {"mul", {2, binary<mul>}}, {"div", {2, binary<div>}},
      {"pow", {2, binary<pow>}}, {"maximum", {2, binary<maximum>}}, {"minimum", {2, binary<minimum>}}, {"atan2", {2, binary<atan2>}},
      {"logaddexp", {2, binary<logaddexp>}}, {"matmul", {2, binary<matmul>}}, {"outer", {2, binary<outer>}}, {"dot", {2, binary<dot>}},
      {"solve", {2, binary<solve>}},
      {"where", {2, [](Inputs x, Attributes a) { return where(a["mask"].tensor() != 0, x[0], x[1]); }}},
      {"mse_half_sum", {2, [](Inputs x, Attributes) { return 0.5 * sum(square(x[0] - x[1])); }}},

      {"sum", {1, reduction<sum>}}, {"mean", {1, reduction<mean>}}, {"prod", {1, reduction<prod>}}, {"amax", {1, reduction<max>}},
      {"amin", {1, reduction<min>}}, {"logsumexp", {1, reduction<logsumexp>}}, {"norm2", {1, reduction<norm>}},
      {"var", {1, [](Inputs x, Attributes a) { return var(x[0], axes_of(a), a["correction"].integer(), keep_of(a)); }}},
      {"cumsum", {1, [](Inputs x, Attributes a) { return cumsum(x[0], axis_of(a)); }}},
      {"softmax", {1, [](Inputs x, Attributes a) { return softmax(x[0], axis_of(a)); }}},
      {"log_softmax", {1, [](Inputs x, Attributes a) { return log_softmax(x[0], axis_of(a)); }}},

      {"reshape", {1, [](Inputs x, Attributes a) { return reshape(x[0], a["shape"].integers()); }}},
      {"permute", {1, [](Inputs x, Attributes a) { return permute(x[0], a["perm"].integers()); }}},
      {"slice", {1, [](Inputs x, Attributes a) { return slice(x[0], slices_of(a["ranges"])); }}},
      {"expand", {1, [](Inputs x, Attributes a) { return expand(x[0], a["shape"].integers()); }}},
      {"flip", {1, [](Inputs x, Attributes a) { return flip(x[0], a["dims"].integers()); }}},
      {"roll", {1, [](Inputs x, Attributes a) { return roll(x[0], a["shift"].integer(), axis_of(a)); }}},
      {"pad_constant", {1, [](Inputs x, Attributes a) { return pad(x[0], padding_of(a), a["value"].number()); }}},
      {"concat", {0, [](Inputs x, Attributes a) { return concat(x, axis_of(a)); }}},
      {"stack", {0, [](Inputs x, Attributes a) { return stack(x, axis_of(a)); }}},
      {"tril", {1, [](Inputs x, Attributes a) { return tril(x[0], a["diagonal"].integer()); }}},
      {"triu", {1, [](Inputs x, Attributes a) { return triu(x[0], a["diagonal"].integer()); }}},
      {"diag", {1, unary<diag>}}, {"diagonal", {1, unary<diagonal>}},
      {"conv1d", {3, [](Inputs x, Attributes a) { return biased(conv1d(x[0], x[1], conv_of(a)), x); }}},
      {"conv2d", {3, [](Inputs x, Attributes a) { return biased(conv2d(x[0], x[1], conv_of(a)), x); }}},
      {"conv_transpose2d", {3, [](Inputs x, Attributes a) {
         return biased(conv_transpose2d(x[0], x[1], conv_of(a), per_axis(a, "output_padding", 0)), x); }}},
      {"max_pool2d", {1, [](Inputs x, Attributes a) { return max_pool2d(x[0], per_axis(a, "kernel", {}), pool_of(a)); }}},
      {"avg_pool2d", {1, [](Inputs x, Attributes a) { return avg_pool2d(x[0], per_axis(a, "kernel", {}), pool_of(a)); }}},
      {"upsample_nearest2d", {1, [](Inputs x, Attributes a) { return upsample(x[0], per_axis(a, "scale", {})); }}},

      {"index_select", {1, [](Inputs x, Attributes a) { return index_select(x[0], axis_of(a), a["index"].indices()); }}},
      {"gather", {1, [](Inputs x, Attributes a) { return gather(x[0], axis_of(a), a["index"].indices()); }}},
      {"scatter_add", {2, [](Inputs x, Attributes a) { return scatter_add(x[0], axis_of(a), a["index"].indices(), x[1]); }}},
      {"embedding", {1, [](Inputs x, Attributes a) { return embedding(x[0], a["index"].indices()); }}},

      {"einsum", {0, [](Inputs x, Attributes a) { return einsum(a["spec"].text(), x); }}},
      {"inverse", {1, unary<inverse>}}, {"logabsdet", {1, [](Inputs x, Attributes) { return slogdet(x[0]).logabsdet; }}}, {"trace", {1, unary<trace>}},
      {"cholesky_of_sym", {1, [](Inputs x, Attributes) { return cholesky(0.5 * (x[0] + transpose(x[0]))); }}},
      {"solve_triangular_lower", {2, [](Inputs x, Attributes) { return triangular_solve(x[0], x[1]); }}},
      {"layer_norm", {3, [](Inputs x, Attributes a) { return layer_norm(x[0], x[1], x[2], a["eps"].number()); }}},
      {"group_norm", {3, [](Inputs x, Attributes a) { return group_norm(x[0], a["groups"].integer(), x[1], x[2], a["eps"].number()); }}},
      {"attention", {3, [](Inputs x, Attributes a) { return matmul(softmax(matmul(x[0], transpose(x[1])) * a["scale"].number()), x[2]); }}},
  };
  // clang-format on
  return rows;
}

// The views named in "pre", applied to a stored base.
Tensor viewed(Tensor x, const Field& views) {
  for (size_t i = 0; i < views.size(); ++i) {
    const std::string name = views[i][0].text();
    const Field arguments = views[i][1];
    if (name == "permute")
      x = permute(x, arguments.integers());
    else if (name == "slice")
      x = slice(x, slices_of(arguments));
    else if (name == "flip")
      x = flip(x, arguments.integers());
    else if (name == "expand")
      x = expand(x, arguments.integers());
    else if (name == "reshape")
      x = reshape(x, arguments.integers());
    else if (name == "select")
      x = select(x, arguments[0].integer(), arguments[1].integer());
    else
      views[i][0].malformed(fmt::format("no view is called \"{}\"", name));
  }
  return x;
}

// A list of one tensor an input, shaped like it.
Tensors like_inputs(const Field& list, const Tensors& xs) {
  if (list.size() != xs.size()) list.malformed(fmt::format("{} entries for {} inputs", list.size(), xs.size()));
  const Tensors all = list.tensors();
  for (size_t i = 0; i < xs.size(); ++i)
    if (all[i].shape() != xs[i].shape()) list[i].malformed(fmt::format("shape {}, but the input has {}", all[i].shape(), xs[i].shape()));
  return all;
}

}  // namespace

void op_gradients(const Field& test, Values& values) {
  const std::string op = test["op"].text();
  const auto row = table().find(op);
  if (row == table().end()) throw Unsupported(fmt::format("no op {}", op));
  Tensors xs = test["inputs"].tensors();
  if (row->second.inputs ? xs.size() != row->second.inputs : xs.empty())
    test["inputs"].malformed(fmt::format("{} takes {} inputs, not {}", op, row->second.inputs, xs.size()));
  const Tensors tangents = like_inputs(test["xdot"], xs);
  for (const char* wanted : {"vjp", "hvp"}) like_inputs(test[wanted], xs);
  const Tensor ybar = test["ybar"].tensor();
  for (const char* wanted : {"y", "jvp"})
    if (test[wanted].tensor().shape() != ybar.shape()) test[wanted].malformed(fmt::format("not shaped like ybar, {}", ybar.shape()));

  Tensors operands;
  for (size_t i = 0; i < xs.size(); ++i) {
    xs[i].requires_grad();
    operands.push_back(test.has("pre") ? viewed(xs[i], test["pre"][i]) : xs[i]);
  }
  const Tensor y = row->second.f(operands, test["attrs"]);
  values.add("y", y);
  const Derivatives d = derivatives(y, ybar, xs, tangents);
  values.add("jvp", d.pushforward);
  for (size_t i = 0; i < xs.size(); ++i) {
    values.add(fmt::format("vjp[{}]", i), d.gradients[i]);
    for (const Tensors& route : d.hessian_products) values.add(fmt::format("hvp[{}]", i), route[i]);
  }
}

}  // namespace conformance
