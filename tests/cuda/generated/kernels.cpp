// Every kernel that is generated compiles, for each kind of GPU, with no device present: rows, the fused programs of their derivatives,
// chains and reductions. Kernels of a kind go to NVRTC as one text.
#include <cstdio>
#include <cstdlib>
#include <string>

#include "autograd/ops/partial.h"
#include "scoregrad/config.h"
#include "tests/catch.h"
#include "tests/cuda/generated/programs.h"
#include "tests/cuda/generated/scratch_folder.h"
#if SCOREGRAD_HAVE_CUDA
#include "cuda/nvrtc.h"
#endif

using namespace scoregrad;
using namespace scoregrad::on_cuda;
using namespace scoregrad::generated;

namespace {

/// Kernels of different names in one text.
class Batch {
 public:
  void elementwise(const Recipe& r, const Reach& reach) {
    const auto inputs = r.accesses();
    text_ += elementwise_text(name(), {r.program(), inputs.data(), nullptr}, reach);
  }
  void flat(const Recipe& r, char inputs = 'v') { elementwise(r, {width(r.dtype), true, false, modes(r, inputs)}); }
  void rows(const Recipe& r) { elementwise(r, {width(r.dtype), false, false, modes(r, 'v')}); }
  void strided(const Recipe& r, bool wide = false) { elementwise(r, {1, false, wide, modes(r, 'v')}); }

  void packs(const Recipe& r, Reduction kind) { reduction(r, kind, {width(r.dtype), true, false, std::string(r.inputs.size(), 'v')}); }
  void teams(const Recipe& r, Reduction kind) { reduction(r, kind, {1, false, false, std::string(r.inputs.size(), 'v')}); }
  void table(Reduction kind, DType dtype) { text_ += table_text(name(), kind, dtype); }

  int count() const { return count_; }
  void compile_for(int capability) const {
#if SCOREGRAD_HAVE_CUDA
    const std::string code = compile({}, "test", text_, capability);
    // Machine code is an ELF file in which every kernel has a name of its own.
    CHECK(code.substr(0, 4) == "\177ELF");
    for (int k = 0; k < count_; ++k) CHECK(code.find(".text.kernel_" + std::to_string(k)) != std::string::npos);
#else
    (void)capability;
#endif
  }

 private:
  static int width(DType t) { return 16 / static_cast<int>(size_of(t)); }
  std::string name() { return "kernel_" + std::to_string(count_++); }
  void reduction(const Recipe& r, Reduction kind, const Reach& reach) {
    const auto inputs = r.accesses();
    text_ += reduction_text(name(), kind, {r.program(), inputs.data(), nullptr}, reach);
  }
  std::string text_;
  int count_ = 0;
};

template <class F>
void with_nvrtc(F&& f) {
#if SCOREGRAD_HAVE_CUDA
  const ScratchFolder cache("kernels");
  const std::string before = std::getenv("XDG_CACHE_HOME") ? std::getenv("XDG_CACHE_HOME") : "";
  setenv("XDG_CACHE_HOME", cache.path().c_str(), 1);
  f();
  before.empty() ? unsetenv("XDG_CACHE_HOME") : setenv("XDG_CACHE_HOME", before.c_str(), 1);
#else
  (void)f;
  std::puts("skipped: no CUDA toolkit");
#endif
}

#if SCOREGRAD_HAVE_CUDA

Recipe partial_recipe(const Partial& p, DType dtype) {
  Recipe r{dtype, {dtype, dtype, dtype, dtype}, p.program.immediates, p.program.code, p.program.results};
  return r;
}

template <class F>
void for_each_row(DType dtype, F&& f) {
  for (int k = 0; k < op_count; ++k)
    if (accepts(row(static_cast<Op>(k)).types, dtype)) f(static_cast<Op>(k));
}

/// The sum of what twelve rows make of one operand.
Recipe chain() {
  Recipe r{float32, {float32}, {{0.5, 0}, {1.5, 1}}, {}, {14}};
  const Op ops[] = {Op::mul_, Op::add_,     Op::exp_, Op::neg_, Op::tanh_, Op::square_,
                    Op::add_, Op::sigmoid_, Op::mul_, Op::sub_, Op::relu_, Op::abs_};
  uint16_t last = 0, out = 3;
  for (const Op op : ops) {
    r.code.push_back({op, out, last, static_cast<uint16_t>(1 + out % 2), 0});
    last = out++;
  }
  return r;
}

std::string error_of(const std::string& text, int capability) {
  try {
    compile({}, "silu", text, capability);
  } catch (const Error& e) {
    return e.what();
  }
  return "";
}

#endif

}  // namespace

#if SCOREGRAD_HAVE_CUDA

TEST_CASE("every row of the table compiles on every type, packed and strided") {
  with_nvrtc([] {
    for (const DType dtype : {float32, float64, int64, boolean}) {
      Batch batch;
      for_each_row(dtype, [&](Op op) {
        batch.flat(row_recipe(op, dtype));
        batch.strided(row_recipe(op, dtype));
      });
      INFO(name_of(dtype));
      CHECK(batch.count() > 10);
      batch.compile_for(90);
    }
  });
}

TEST_CASE("the fused program of every derivative compiles") {
  with_nvrtc([] {
    Batch single, full;
    for (int k = 0; k < op_count; ++k)
      for (int operand = 0; operand < (row(static_cast<Op>(k)).form == Form::binary ? 2 : 1); ++operand) {
        const Partial& p = partial(static_cast<Op>(k), operand);
        if (p.kind != Partial::other) continue;
        single.flat(partial_recipe(p, float32));
        full.strided(partial_recipe(p, float64));
      }
    CHECK(single.count() > 30);
    single.compile_for(90);
    full.compile_for(90);
  });
}

TEST_CASE("every reduction compiles on every type, of views and of programs") {
  with_nvrtc([] {
    for (const DType dtype : {float32, float64, int64, boolean}) {
      Batch batch;
      for (const Reduction kind : {Reduction::sum, Reduction::prod, Reduction::max, Reduction::min, Reduction::argmax, Reduction::argmin}) {
        const bool position = kind == Reduction::argmax || kind == Reduction::argmin;
        if (dtype == boolean && kind == Reduction::sum) continue;
        batch.teams(view_recipe(dtype), kind);
        batch.table(kind, dtype);
        if (is_floating(dtype) && !position) batch.packs(view_recipe(dtype), kind);
      }
      if (is_floating(dtype)) {
        batch.packs(long_recipe(dtype), Reduction::sum);
        batch.teams(long_recipe(dtype), Reduction::max);
      }
      INFO(name_of(dtype));
      batch.compile_for(90);
    }
  });
}

TEST_CASE("chains compile for every generation of GPUs that this toolkit knows, on every way through memory") {
  with_nvrtc([] {
    Batch batch;
    for (const DType dtype : {float32, float64}) {
      const Recipe r = long_recipe(dtype);
      batch.flat(r);
      batch.flat(r, 's');
      batch.rows(r);
      batch.strided(r);
      batch.strided(r, true);
      batch.packs(r, Reduction::sum);
      batch.teams(r, Reduction::argmax);
    }
    batch.flat(chain());
    batch.packs(chain(), Reduction::sum);
    batch.flat(row_recipe(Op::mod_, int64));
    batch.flat(row_recipe(Op::logical_and_, boolean));
    int generations = 0;
    for (const int capability : {75, 80, 90, 100}) {
      INFO("sm_" << capability);
      if (!knows_architecture(capability)) continue;
      ++generations;
      batch.compile_for(capability);
    }
    CHECK(generations >= 2);
  });
}

TEST_CASE("an error in a kernel's text is reported with what NVRTC says and the text") {
  with_nvrtc([] {
    const std::string message = error_of("extern \"C\" __global__ void f() { undeclared = 1; }", 90);
    CHECK(message.find("silu") != std::string::npos);
    CHECK(message.find("identifier \"undeclared\" is undefined") != std::string::npos);
  });
}

TEST_CASE("a kernel is compiled once: a second call takes it from the cache, a damaged file is compiled again") {
  with_nvrtc([] {
    const std::string text = "extern \"C\" __global__ void f(float* x) { *x = 1; }", code = compile({}, "f", text, 90);
    std::string file;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(std::getenv("XDG_CACHE_HOME")))
      if (entry.is_regular_file()) file = entry.path().string();
    REQUIRE(file != "");
    const auto written = std::filesystem::last_write_time(file);
    CHECK(compile({}, "f", text, 90) == code);
    CHECK(std::filesystem::last_write_time(file) == written);
    std::filesystem::resize_file(file, 100);
    CHECK(compile({}, "f", text, 90) == code);
    CHECK(std::filesystem::file_size(file) > 100);
  });
}

TEST_CASE("a GPU newer than the toolkit is given PTX, one older than it a clear error") {
  with_nvrtc([] {
    const std::string text = "extern \"C\" __global__ void f(float* x) { *x = 1; }", code = compile({}, "f", text, 999);
    CHECK(code.find(".target sm_") != std::string::npos);
    CHECK(code.back() == '\0');
    CHECK(error_of(text, 20).find("compute capability 2.0") != std::string::npos);
  });
}

#else

TEST_CASE("kernels compile where there is a toolkit") {
  with_nvrtc([] {});
}

#endif
