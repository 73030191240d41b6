// What generated kernels take of a multiprocessor, as ptxas tells it for a Hopper GPU: no local memory, to which arrays go whose places are
// not known when the kernel is compiled, and registers that spill; and no more registers than are listed here. 2048 threads share 65536
// registers: with 64 of them a kernel of 256 threads fills half of a multiprocessor.
#include <cstdio>

#include "scoregrad/config.h"
#include "tests/catch.h"
#include "tests/cuda/generated/cubin.h"
#include "tests/cuda/generated/programs.h"
#if SCOREGRAD_HAVE_CUDA
#include "cuda/nvrtc.h"
#endif

using namespace scoregrad;
using namespace scoregrad::on_cuda;
using namespace scoregrad::generated;

#if SCOREGRAD_HAVE_CUDA

namespace {

constexpr Reduction kinds[] = {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min, Reduction::argmax, Reduction::argmin};
constexpr const char* kind_names[] = {"sum", "prod", "max", "min", "argmax", "argmin"};

int width(DType t) { return 16 / static_cast<int>(size_of(t)); }
bool picks(Reduction kind) { return kind == Reduction::argmax || kind == Reduction::argmin; }

/// Kernels, each with a title and the most registers that it may take.
class Kernels {
 public:
  void elementwise(const std::string& title, const Recipe& r, const Reach& reach, int most) {
    const auto inputs = r.accesses();
    text_ += elementwise_text(add(title, most), {r.program(), inputs.data(), nullptr}, reach);
  }
  void reduction(const std::string& title, const Recipe& r, Reduction kind, bool packs, int most) {
    const auto inputs = r.accesses();
    const Reach reach{packs ? width(r.dtype) : 1, packs, false, std::string(r.inputs.size(), 'v'), {}};
    text_ += reduction_text(add(title, most), kind, {r.program(), inputs.data(), nullptr}, reach);
  }
  void table(const std::string& title, Reduction kind, DType dtype, int most) { text_ += table_text(add(title, most), kind, dtype); }

  void check() const {
    const std::map<std::string, Use> uses = uses_of(compile({}, "test", text_, 90));
    REQUIRE(uses.size() >= list_.size());
    for (size_t i = 0; i < list_.size(); ++i) {
      const Use& use = uses.at("kernel_" + std::to_string(i));
      INFO(list_[i].title << ": " << use.registers << " registers, " << use.local << " bytes of local memory");
      CHECK(use.registers > 0);
      CHECK(use.registers <= list_[i].most);
      CHECK(use.local == 0);
    }
  }

 private:
  struct Listed {
    std::string title;
    int most;
  };
  std::string add(const std::string& title, int most) {
    list_.push_back({title, most});
    return "kernel_" + std::to_string(list_.size() - 1);
  }
  std::string text_;
  std::vector<Listed> list_;
};

/// Sixty results of one operand, each from the last.
Recipe sixty_results(DType dtype) {
  Recipe r{dtype, {dtype}, {{1.5, 2}}, {}, {}};
  for (uint16_t k = 0; k < 60; ++k) {
    r.code.push_back({k % 2 ? Op::add_ : Op::mul_, static_cast<uint16_t>(2 + k), static_cast<uint16_t>(k ? 1 + k : 0), 1, 0});
    r.results.push_back(static_cast<uint16_t>(2 + k));
  }
  return r;
}

/// Exponentials and what is made of them; no row that is a function of the machine's with a rare way through local memory.
Recipe dear_recipe(DType dtype) {
  return {dtype, {dtype}, {}, {{Op::tanh_, 1, 0, 0, 0}, {Op::sigmoid_, 2, 1, 0, 0}, {Op::log1p_, 3, 2, 0, 0}, {Op::erf_, 4, 3, 0, 0}}, {4}};
}

}  // namespace

TEST_CASE("elementwise kernels take no local memory and few registers") {
  Kernels k;
  for (const DType t : {float32, float64}) {
    const bool full = t == float64;
    const std::string type = full ? "float64 " : "float32 ";
    for (const auto& [name, recipe] : {std::pair{"chain", long_recipe(t)}, std::pair{"dear chain", dear_recipe(t)}}) {
      k.elementwise(type + name + ", flat", recipe, {width(t), true, false, modes(recipe, 'v'), {}}, 64);
      k.elementwise(type + name + ", rows", recipe, {width(t), false, false, modes(recipe, 'v'), {}}, 64);
      k.elementwise(type + name + ", any", recipe, {1, false, false, modes(recipe, 'v'), {}}, 64);
      k.elementwise(type + name + ", wide", recipe, {1, false, true, modes(recipe, 'v'), {}}, 64);
    }
    const Recipe many = sixty_results(t);
    k.elementwise(type + "sixty results, flat", many, {width(t), true, false, modes(many, 'v'), {}}, 255);
    k.elementwise(type + "sixty results, rows", many, {width(t), false, false, modes(many, 'v'), std::vector<int>(61, 0)}, 255);
    k.elementwise(type + "sixty results, any", many, {1, false, false, modes(many, 'v'), {}}, 255);
  }
  k.check();
}

TEST_CASE("reductions take no local memory and few registers") {
  for (const DType t : {float32, float64, int64}) {
    Kernels k;
    for (const Reduction kind : kinds) {
      const std::string title = std::string(name_of(t)) + " " + kind_names[static_cast<int>(kind)];
      if (is_floating(t) && !picks(kind)) k.reduction(title + " of packs", view_recipe(t), kind, true, 64);
      k.reduction(title + " of teams", view_recipe(t), kind, false, picks(kind) ? 80 : 64);
      k.table(title + " of chunks", kind, t, picks(kind) ? 96 : 80);
    }
    if (is_floating(t)) {
      k.reduction("sum of a chain, packs", long_recipe(t), Reduction::sum, true, 80);
      k.reduction("sum of a chain, teams", long_recipe(t), Reduction::sum, false, 80);
    }
    k.check();
  }
}

#else

TEST_CASE("generated kernels are measured where there is a toolkit") { std::puts("skipped: no CUDA toolkit"); }

#endif
