// The block interpreter: an elementwise program over a common iteration shape.
//
// The shape is coalesced, then cut into blocks of flat indices. An operand that is contiguous over the whole shape is read where it lies;
// one that repeats with a period that divides the block is laid out once; any other is gathered block by block. A program of one
// instruction and one of many run the same loops, so fusion changes no bits.
#include "cpu/kernels.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <numeric>

#include "cpu/block_loops.h"
#include "cpu/inline_array.h"
#include "cpu/nest.h"
#include "cpu/threads.h"

namespace scoregrad::on_cpu {
namespace {

constexpr int64_t scratch_bytes = 32768;     // what the registers of one thread may take: most of a first-level cache
constexpr int64_t longest_block = 1024;      // elements
constexpr int64_t streamed_bytes = 4 << 20;  // results beyond this pass by the caches

constexpr int64_t row_elements = 16;  // blocks end where a register of such operands does

constexpr int64_t far_bytes = 1 << 20;  // operands beyond this do not lie in the caches next to the core

struct alignas(64) CacheLine {
  char bytes[64];
};

struct Step {
  BlockLoop loop;
  uint16_t out, a, b, c;
};

void fill(char* out, DType dtype, Immediate value, int64_t n) {
  if (dtype == DType::float32)
    std::fill_n(reinterpret_cast<float*>(out), n, static_cast<float>(value.f));
  else if (dtype == DType::float64)
    std::fill_n(reinterpret_cast<double*>(out), n, value.f);
  else if (dtype == DType::int64)
    std::fill_n(reinterpret_cast<int64_t*>(out), n, value.i);
  else
    std::memset(out, value.i != 0, static_cast<size_t>(n));
}

// Sends for the next block while this one is computed; the hardware stops at the end of a page.
void prefetch(const char* from, int64_t bytes) {
  for (int64_t line = 0; line < bytes; line += static_cast<int64_t>(sizeof(CacheLine))) __builtin_prefetch(from + line, 0, 2);
}

class Interpreter {
 public:
  Interpreter(const Program& program, const Shape& shape, const Access* inputs, const Access* outputs);
  void run();

 private:
  static constexpr int32_t in_place = -1;  // a register that lies in an operand's own memory

  int registers() const { return p_.inputs + p_.immediate_count + p_.length; }
  void keep_overwritten_inputs();
  void fit_rows();
  void choose_block();
  void decode();
  void place_registers();
  bool overlaps_input(const Operand& out) const;
  void run_blocks(int64_t first, int64_t last) const;

  const Program& p_;
  Nest nest_;
  InlineArray<Operand, 8> operands_;  // inputs, then outputs
  InlineArray<Step, 16> steps_;
  InlineArray<int32_t, 32> slot_;  // where each register lives: a slot of the thread's scratch or in_place
  InlineArray<bool, 8> written_;   // outputs that their instruction writes itself
  ShortRows rows_[3];              // of the first such operands
  int64_t n_, block_ = 0, slots_ = 0;
  double ns_ = 0;  // per element
};

Interpreter::Interpreter(const Program& program, const Shape& shape, const Access* inputs, const Access* outputs)
    : p_(program),
      operands_(program.inputs + program.outputs),
      steps_(program.length),
      slot_(registers()),
      written_(program.outputs),
      n_(numel(shape)) {
  nest_.build(shape, inputs, program.inputs, outputs, program.outputs, operands_.data());
  keep_overwritten_inputs();
  decode();
  place_registers();
  choose_block();
  fit_rows();
}

// Last, because what repeats with too long a period is read in this way too.
void Interpreter::fit_rows() {
  ShortRows* next = rows_;
  for (int i = 0; i < p_.inputs && next != std::end(rows_); ++i) {
    Operand& o = operands_[i];
    if (o.pattern == Pattern::strided && o.size == 4 && o.period != 1 && fit(*next, nest_.extent, o.stride, nest_.rank)) o.rows = next++;
  }
}

void Interpreter::decode() {
  const BlockLoop* loops = block_loops(p_.dtype);
  for (int k = 0; k < p_.length; ++k) {
    const Instr& i = p_.code[k];
    const int n = arity(row(i.op).form);
    steps_[k] = {loops[static_cast<int>(i.op)], i.out, i.a, n > 1 ? i.b : i.a, n > 2 ? i.c : i.a};
    ns_ += row(i.op).ns;
  }
  if (size_of(p_.dtype) == 8) ns_ *= 2.5;
}

bool Interpreter::overlaps_input(const Operand& out) const {
  for (int i = 0; i < p_.inputs; ++i)
    if (operands_[i].data == out.data) return true;
  return false;
}

// An input that is an output as it stands, while another output lies in its memory, is brought to a slot first.
void Interpreter::keep_overwritten_inputs() {
  for (int o = 0; o < p_.outputs; ++o) {
    if (p_.results[o] >= p_.inputs) continue;
    Operand& in = operands_[p_.results[o]];
    for (int other = 0; other < p_.outputs; ++other)
      if (other != o && operands_[p_.inputs + other].data == in.data) in.pattern = Pattern::strided;
  }
}

// A temporary's slot is free again after its last reader.
void Interpreter::place_registers() {
  const int first_result = p_.inputs + p_.immediate_count;
  for (int i = 0; i < p_.inputs; ++i) slot_[i] = operands_[i].pattern == Pattern::contiguous ? in_place : static_cast<int32_t>(slots_++);
  for (int i = p_.inputs; i < first_result; ++i) slot_[i] = static_cast<int32_t>(slots_++);

  constexpr int32_t unplaced = -2;
  for (int k = 0; k < p_.length; ++k) slot_[first_result + k] = unplaced;
  for (int o = 0; o < p_.outputs; ++o) {
    const Operand& out = operands_[p_.inputs + o];
    const int r = p_.results[o];
    // An output may be the memory of an input that a later instruction still reads; a program of one instruction reads before it writes.
    written_[o] = out.pattern == Pattern::contiguous && r >= first_result && slot_[r] == unplaced &&
                  (p_.length == 1 || !overlaps_input(out)) && (n_ * out.size < streamed_bytes || overlaps_input(out));
    if (written_[o]) slot_[r] = in_place;
  }

  InlineArray<int32_t, 16> last_use(p_.length), free_slots(p_.length);
  int free_count = 0;
  for (int k = 0; k < p_.length; ++k) last_use[k] = k;
  for (int k = 0; k < p_.length; ++k)
    for (int r : {steps_[k].a, steps_[k].b, steps_[k].c})
      if (r >= first_result) last_use[r - first_result] = k;
  for (int o = 0; o < p_.outputs; ++o)
    if (p_.results[o] >= first_result) last_use[p_.results[o] - first_result] = p_.length;

  for (int k = 0; k < p_.length; ++k) {
    int32_t& s = slot_[first_result + k];
    if (s == unplaced) s = free_count > 0 ? free_slots[--free_count] : static_cast<int32_t>(slots_++);
    auto release = [&](int r) {
      if (r < first_result || slot_[r] == in_place || last_use[r - first_result] != k) return;
      last_use[r - first_result] = p_.length;  // once, though an instruction may name a register twice
      free_slots[free_count++] = slot_[r];
    };
    release(steps_[k].a);
    release(steps_[k].b);
    release(steps_[k].c);
    release(first_result + k);
  }
}

void Interpreter::choose_block() {
  const int64_t room = slots_ > 0 ? scratch_bytes / (slots_ * static_cast<int64_t>(size_of(p_.dtype))) : longest_block;
  block_ = std::clamp(room / 64 * 64, int64_t{64}, longest_block);
  int64_t period = 1;
  for (int i = 0; i < p_.inputs; ++i)
    if (operands_[i].pattern == Pattern::periodic && operands_[i].period <= block_) period = std::max(period, operands_[i].period);
  const int64_t both = std::lcm(period, row_elements);
  block_ = both <= block_ ? block_ / both * both : block_ / period * period;
  for (int i = 0; i < p_.inputs; ++i)
    if (operands_[i].pattern == Pattern::periodic && block_ % operands_[i].period != 0) operands_[i].pattern = Pattern::strided;
}

void Interpreter::run() {
  const int64_t blocks = (n_ + block_ - 1) / block_;
  if (blocks == 1) {
    run_blocks(0, 1);
    return;
  }
  // A piece is some ten microseconds of work, so that the set-up of a thread's registers does not show.
  const double block_ns = (ns_ + 0.1) * static_cast<double>(block_);
  const int64_t grain = std::max<int64_t>(1, static_cast<int64_t>(fork_ns / 2 / block_ns));
  parallel_ranges(blocks, grain, block_ns, [this](int64_t first, int64_t last) { run_blocks(first, last); });
}

void Interpreter::run_blocks(int64_t first, int64_t last) const {
  const int64_t slot_bytes = std::min(block_, (n_ + 63) / 64 * 64) * static_cast<int64_t>(size_of(p_.dtype));
  InlineArray<CacheLine, scratch_bytes / sizeof(CacheLine)> scratch(slots_ * slot_bytes / static_cast<int64_t>(sizeof(CacheLine)));
  InlineArray<char*, 32> at(registers());
  char* const base = reinterpret_cast<char*>(scratch.data());
  for (int r = 0; r < registers(); ++r) at[r] = slot_[r] == in_place ? nullptr : base + slot_[r] * slot_bytes;

  const int64_t longest = std::min(block_, n_ - first * block_);
  for (int i = 0; i < p_.inputs; ++i)
    if (operands_[i].pattern == Pattern::periodic) nest_.gather(at[i], operands_[i], first * block_, longest);
  for (int i = 0; i < p_.immediate_count; ++i) fill(at[p_.inputs + i], p_.dtype, p_.immediates[i], longest);

  bool streamed = false;
  for (int64_t start = first * block_; start < n_ && start < last * block_; start += block_) {
    const int64_t n = std::min(block_, n_ - start);
    for (int i = 0; i < p_.inputs; ++i) {
      const Operand& in = operands_[i];
      if (in.pattern == Pattern::contiguous) {
        at[i] = in.data + start * in.size;
        if (n_ * in.size >= far_bytes) prefetch(at[i] + n * in.size, std::min(block_, n_ - start - n) * in.size);
      } else if (in.pattern == Pattern::strided) {
        nest_.gather(at[i], in, start, n);
      }
    }
    for (int o = 0; o < p_.outputs; ++o)
      if (written_[o]) at[p_.results[o]] = operands_[p_.inputs + o].data + start * operands_[p_.inputs + o].size;
    for (int k = 0; k < p_.length; ++k) {
      const Step& s = steps_[k];
      s.loop(at[s.out], at[s.a], at[s.b], at[s.c], n);
    }
    for (int o = 0; o < p_.outputs; ++o) {
      if (written_[o]) continue;
      const Operand& out = operands_[p_.inputs + o];
      const char* from = at[p_.results[o]];
      if (out.pattern != Pattern::contiguous) {
        nest_.scatter(out, from, start, n);
      } else if (n_ * out.size < streamed_bytes) {
        std::memmove(out.data + start * out.size, from, static_cast<size_t>(n * out.size));
      } else {
        stream(out.data + start * out.size, from, n * out.size);
        streamed = true;
      }
    }
  }
  if (streamed) stream_fence();
}

// A program with one result on a few contiguous or repeated elements: no plan, every register in a row of its own.
bool run_small(const Program& p, const Shape& shape, int64_t n, const Access* inputs, const Access* outputs) {
  constexpr int64_t most = 512, room = 16384;
  constexpr int most_registers = 32;
  const int first_result = p.inputs + p.immediate_count, registers = first_result + p.length;
  const int64_t row = (n * static_cast<int64_t>(size_of(p.dtype)) + 63) / 64 * 64;
  if (n > most || p.outputs != 1 || p.length == 0 || registers > most_registers || registers * row > room) return false;
  if (p.results[0] != registers - 1 || !is_contiguous(shape, outputs[0].strides)) return false;
  alignas(64) char rows[room];
  char* at[most_registers];
  for (int k = 0; k < p.inputs; ++k) {
    const Access& in = inputs[k];
    at[k] = static_cast<char*>(in.data);
    if (is_contiguous(shape, in.strides)) continue;
    for (int d = 0; d < shape.rank; ++d)
      if (in.strides.at[d] != 0 && shape.at[d] != 1) return false;
    repeat(rows + k * row, at[k], static_cast<int>(size_of(in.dtype)), n);
    at[k] = rows + k * row;
  }
  for (int k = 0; k < p.immediate_count; ++k) {
    const int r = p.inputs + k;
    at[r] = rows + r * row;
    fill(at[r], p.dtype, p.immediates[k], n);
  }
  const BlockLoop* loops = block_loops(p.dtype);
  for (int k = 0; k < p.length; ++k) {
    const Instr& i = p.code[k];
    const int r = first_result + k, count = arity(scoregrad::row(i.op).form);
    // The last instruction alone writes to the output, which may be the memory of an input.
    at[r] = k + 1 < p.length ? rows + r * row : static_cast<char*>(outputs[0].data);
    loops[static_cast<int>(i.op)](at[r], at[i.a], at[count > 1 ? i.b : i.a], at[count > 2 ? i.c : i.a], n);
  }
  return true;
}

// One instruction on operands that all lie straight on: what most calls on a few elements are.
bool run_at_once(const Program& p, const Shape& shape, const Access* inputs, const Access* outputs) {
  constexpr int64_t most = 4096;
  if (p.length != 1 || p.outputs != 1 || p.immediate_count != 0 || p.results[0] != p.inputs) return false;
  const Strides& out = outputs[0].strides;
  int64_t n = 1;
  bool straight = true;
  for (int d = shape.rank - 1; d >= 0; --d) {
    straight = straight && (out.at[d] == n || shape.at[d] == 1);
    for (int k = 0; k < p.inputs; ++k) straight = straight && inputs[k].strides.at[d] == out.at[d];
    n *= shape.at[d];
  }
  if (!straight || n > most) return false;
  const Instr& i = p.code[0];
  const int last = p.inputs - 1;  // operands beyond the op's arity are not read
  block_loops(p.dtype)[static_cast<int>(i.op)](outputs[0].data, inputs[i.a].data, inputs[std::min<int>(i.b, last)].data,
                                               inputs[std::min<int>(i.c, last)].data, n);
  return true;
}

}  // namespace

void run(Where, const calls::Elementwise& c) {
  if (run_at_once(c.program, c.shape, c.in.list, c.out.list)) return;
  const int64_t n = numel(c.shape);
  if (n == 0 || run_small(c.program, c.shape, n, c.in.list, c.out.list)) return;
  Interpreter(c.program, c.shape, c.in.list, c.out.list).run();
}

}  // namespace scoregrad::on_cpu
