// Each row of the table, and random programs of many rows, in every layout.
#include <cmath>
#include <string>

#include "autograd/backend/program_builder.h"
#include "tests/contract/twin.h"

using namespace scoregrad;
using namespace scoregrad::contract;

namespace {

DType operand_type(Op op, int which, DType dtype) { return row(op).form == Form::select && which == 0 ? DType::boolean : dtype; }
DType result_type(Op op, DType dtype) { return row(op).form == Form::compare ? DType::boolean : dtype; }

enum class Exactness { arithmetic, shared, machine };
// Rare functions are each machine's own, so are sine and cosine of huge angles; the hot ones are one text on both sides.
Exactness exactness(Op op) {
  for (Op rare :
       {Op::tan_, Op::sinh_, Op::cosh_, Op::asinh_, Op::atan_, Op::atan2_, Op::pow_, Op::sin_, Op::cos_, Op::lgamma_, Op::digamma_,
        Op::polygamma_, Op::powlog_, Op::erfcx_, Op::erfcx_slope_, Op::log_ndtr_, Op::inverse_mills_, Op::inverse_mills_slope_})
    if (op == rare) return Exactness::machine;
  for (Op plain : {Op::neg_,     Op::abs_,        Op::sign_, Op::floor_, Op::round_, Op::heaviside_, Op::sqrt_, Op::rsqrt_,
                   Op::square_,  Op::reciprocal_, Op::relu_, Op::add_,   Op::sub_,   Op::mul_,       Op::div_,  Op::maximum_,
                   Op::minimum_, Op::share_,      Op::mod_,  Op::gap_,   Op::xdivy_, Op::binade_})
    if (op == plain) return Exactness::arithmetic;
  return row(op).types == Types::F ? Exactness::shared : Exactness::arithmetic;
}
int64_t ulps_of(Op op, DType dtype) {
  if (!is_floating(dtype)) return 0;
  switch (exactness(op)) {
    case Exactness::machine:
      return op == Op::inverse_mills_slope_ ? 32 : 8;  // x + r loses two bits between -1.5 and 0
    case Exactness::shared:
      return fuses() ? 0 : 4;  // rounded twice
    default:
      return 0;
  }
}
/// Where a function crosses zero its error is one of its terms, which are about 1 in the rows' ranges.
double scale_of(Op op) { return op == Op::logaddexp_ || op == Op::silu_slope_ ? 1 : 0; }

void check_row(Dice& dice, Op op, DType dtype, const Shape& shape, Layout layout, bool specials) {
  const Row& r = row(op);
  const int count = arity(r.form);
  std::vector<Twin> in;
  for (int i = 0; i < count; ++i) in.emplace_back(dice, operand_type(op, i, dtype), shape, layout, Range{r.lo, r.hi, specials});
  if (op == Op::polygamma_) {  // the order is whole
    for_each_index(shape, [&](const Dims& i) { in[0].set(i, std::floor(std::abs(in[0].at(i)))); });
    in[0].upload();
  }
  const Twin out(dice, result_type(op, dtype), shape, layout == Layout::contiguous ? layout : Layout::any);
  const uint16_t result = static_cast<uint16_t>(count);
  const Instr code{op, result, 0, static_cast<uint16_t>(count > 1 ? 1 : 0), static_cast<uint16_t>(count > 2 ? 2 : 0)};
  on_both([&](const Backend& b, Side side) {
    std::vector<Access> at;
    for (const Twin& t : in) at.push_back(t.access(side));
    const Access to = out.access(side);
    b.call({}, calls::Elementwise{{dtype, count, 0, nullptr, 1, &code, 1, &result}, shape, at.data(), &to});
  });
  INFO(r.name << " " << name_of(dtype) << " specials " << specials);
  REQUIRE(out.difference(ulps_of(op, dtype), scale_of(op)) == "");
}

/// A random program: instructions read what was made before, masks where a mask is due, and anything may be stored.
struct RandomProgram : ProgramBuilder::Finished {
  DType dtype;
  std::vector<DType> inputs;
  std::vector<DType> types;  // of every register

  RandomProgram(Dice& dice, DType t, int length) : dtype(t) {
    const int64_t input_count = 1 + dice.below(5), immediate_count = dice.below(4);
    for (int64_t i = 0; i < input_count; ++i) {
      operands.push_back(static_cast<size_t>(i));
      inputs.push_back(i > 0 && dice.chance(0.25) ? DType::boolean : t);
    }
    for (int64_t i = 0; i < immediate_count; ++i) immediates.push_back({dice.real(-2, 2), dice.below(7) - 3});
    types = inputs;
    types.insert(types.end(), immediates.size(), t);
    while (static_cast<int>(code.size()) < length) {
      const Op op = static_cast<Op>(dice.below(op_count));
      if (!accepts(row(op).types, t) || exactness(op) == Exactness::machine) continue;
      if (exactness(op) == Exactness::shared && is_floating(t) && !fuses()) continue;
      uint16_t from[3] = {0, 0, 0};
      bool found = true;
      for (int i = 0; i < arity(row(op).form) && found; ++i) found = pick(dice, operand_type(op, i, t), from[i]);
      if (!found) continue;
      code.push_back({op, static_cast<uint16_t>(types.size()), from[0], from[1], from[2]});
      types.push_back(result_type(op, t));
    }
    results.push_back(static_cast<uint16_t>(types.size() - 1));
    for (int64_t n = dice.below(4); n > 0; --n) results.push_back(static_cast<uint16_t>(dice.below(static_cast<int64_t>(types.size()))));
  }
  bool pick(Dice& dice, DType wanted, uint16_t& r) const {
    std::vector<uint16_t> fit;
    for (size_t k = 0; k < types.size(); ++k)
      if (types[k] == wanted) fit.push_back(static_cast<uint16_t>(k));
    if (fit.empty()) return false;
    // Mostly something recent, so that chains grow long.
    const int64_t n = static_cast<int64_t>(fit.size()), last = dice.chance(0.6) ? std::min<int64_t>(n, 3) : n;
    r = fit[static_cast<size_t>(n - 1 - dice.below(last))];
    return true;
  }
};

void check_program(Dice& dice, const RandomProgram& p, const Shape& shape, Layout layout) {
  std::vector<Twin> in, fresh;
  for (DType t : p.inputs) in.emplace_back(dice, t, shape, layout, Range{-2, 2, dice.chance(0.3)});
  // An output is a new array or, once, the memory of an input of its type.
  std::vector<const Twin*> out;
  fresh.reserve(p.results.size());
  std::vector<bool> taken(in.size());
  for (uint16_t r : p.results) {
    const Twin* to = nullptr;
    for (size_t i = 0; i < in.size() && dice.chance(0.5); ++i)
      if (!taken[i] && in[i].dtype() == p.types[r] && in[i].distinct()) {
        taken[i] = true;
        to = &in[i];
        break;
      }
    if (!to) to = &fresh.emplace_back(dice, p.types[r], shape, layout == Layout::contiguous ? layout : Layout::any);
    out.push_back(to);
  }
  on_both([&](const Backend& b, Side side) {
    std::vector<Access> from, to;
    for (const Twin& t : in) from.push_back(t.access(side));
    for (const Twin* t : out) to.push_back(t->access(side));
    b.call({}, calls::Elementwise{p.program(p.dtype), shape, from.data(), to.data()});
  });
  std::string text;
  for (const Instr& i : p.code) text += fmt::format("r{} = {}(r{}, r{}, r{}); ", i.out, row(i.op).name, i.a, i.b, i.c);
  INFO(name_of(p.dtype) << " inputs " << p.inputs.size() << " immediates " << p.immediates.size() << ": " << text);
  for (const Twin* t : out) REQUIRE(t->difference() == "");
}

}  // namespace

TEST_CASE("every row of the table gives the reference's bits, contiguous and strided") {
  if (!device()) return;
  Dice dice(1);
  for (int k = 0; k < op_count; ++k)
    for (DType dtype : {float32, float64, int64, boolean}) {
      const Op op = static_cast<Op>(k);
      if (!accepts(row(op).types, dtype)) continue;
      for (int n = trials(1); n > 0; --n) {
        check_row(dice, op, dtype, {3, 111}, Layout::contiguous, false);
        check_row(dice, op, dtype, {1030}, Layout::contiguous, true);
        check_row(dice, op, dtype, {7, 5, 13}, Layout::repeats, false);
        check_row(dice, op, dtype, {4, 67}, Layout::repeats, true);
      }
    }
}

TEST_CASE("one row in random shapes and layouts gives the reference's bits") {
  if (!device()) return;
  Dice dice(2);
  for (int n = trials(60); n > 0; --n)
    for (DType dtype : {float32, float64, int64, boolean}) {
      const Shape shape = random_shape(dice, 0, 8, 3000);
      check_row(dice, Op::where_, dtype, shape, Layout::repeats, true);
      check_row(dice, Op::lt_, dtype, shape, Layout::repeats, true);
      if (dtype != DType::boolean) check_row(dice, Op::mul_, dtype, shape, Layout::repeats, true);
    }
}

TEST_CASE("random programs give the reference's bits, in place and with several outputs too") {
  if (!device()) return;
  Dice dice(3);
  for (int n = trials(4); n > 0; --n)
    for (DType dtype : {float32, float64, int64, boolean}) {
      const RandomProgram p(dice, dtype, static_cast<int>(1 + dice.below(n % 4 == 0 ? 60 : 12)));
      check_program(dice, p, {1029}, Layout::contiguous);
      for (int m = 0; m < 4; ++m) check_program(dice, p, random_shape(dice, 0, 4, 3000), Layout::repeats);
    }
}

TEST_CASE("a program of sixty results, each with a layout of its own, gives the reference's bits") {
  if (!device()) return;
  Dice dice(5);
  for (DType dtype : {float32, int64}) {
    RandomProgram p(dice, dtype, 60);
    p.results.clear();
    for (size_t r = p.types.size() - 60; r < p.types.size(); ++r) p.results.push_back(static_cast<uint16_t>(r));
    check_program(dice, p, {1029}, Layout::contiguous);
    check_program(dice, p, {5, 3, 4, 6}, Layout::repeats);
  }
}

TEST_CASE("constants of every kind reach a program unchanged") {
  if (!device()) return;
  Dice dice(4);
  for (double value : {0.1, -0.0, 0.0, 1.0 / 3, 1e-310, 1e300, HUGE_VAL, -HUGE_VAL, std::numeric_limits<double>::quiet_NaN()})
    for (DType dtype : {float32, float64, int64, boolean}) {
      const Immediate constants[] = {{value, INT64_MIN}, {-value, INT64_MAX}};
      const uint16_t results[] = {0, 1};
      const Twin a(dice, dtype, {5}), b(dice, dtype, {5});
      on_both([&](const Backend& on, Side side) {
        const Access to[] = {a.access(side), b.access(side)};
        on.call({}, calls::Elementwise{{dtype, 0, 2, constants, 0, nullptr, 2, results}, Shape{5}, nullptr, to});
      });
      INFO(name_of(dtype) << " " << value);
      REQUIRE(a.difference() == "");
      REQUIRE(b.difference() == "");
    }
}

TEST_CASE("an elementwise call on more elements than one launch has threads reaches them all") {
  if (!device()) return;
  Dice dice(5);
  check_row(dice, Op::add_, float32, {300001}, Layout::contiguous, false);
  check_row(dice, Op::add_, float64, {500, 301}, Layout::repeats, false);
}
