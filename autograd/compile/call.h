// A recorded step as plain data: the calls to a backend in order, over numbered buffers. Every pass maps one such list to another.
#pragma once
#include <string>
#include <variant>
#include <vector>

#include "autograd/tensor/tensor.h"

namespace scoregrad {

/// The lists of calls of a compiled step, as recorded and after each pass.
enum class Pass : uint8_t { recorded, merged, folded, fused, blocked, planned };

/// Whether a step whose calls are all on a GPU is replayed as one launch.
enum class OneLaunch : uint8_t {
  where_it_pays,  ///< where its copies are few and small beside the calls that it saves
  always,         ///< where it is possible
  never
};

namespace compiled {

/// No buffer, no band.
constexpr size_t none = SIZE_MAX;

/// An operand: a strided view of a buffer. An elementwise operand has the call's iteration shape. Without elements it has no buffer.
struct Place {
  size_t buffer = none;
  int64_t offset = 0;  // bytes
  DType dtype = DType::float32;
  Shape shape;
  Strides strides;
  friend bool operator==(const Place& a, const Place& b) {
    return a.buffer == b.buffer && a.offset == b.offset && a.dtype == b.dtype && a.shape == b.shape && a.strides == b.strides;
  }
};

/// The bytes of p's buffer from the first that it touches to the one behind the last.
struct Span {
  int64_t begin, end;
};
Span span_of(const Place& p);

/// What a buffer begins at a multiple of, in bytes, wherever memory is divided.
inline constexpr int64_t alignment = 64;
/// The next multiple.
constexpr int64_t aligned(int64_t bytes) { return (bytes + alignment - 1) / alignment * alignment; }

template <class>
struct AnyOf;
template <class... C>
struct AnyOf<calls::List<C...>> {
  using type = std::variant<C...>;
};
/// One of the calls that a backend makes.
using AnyCall = AnyOf<calls::All>::type;

/// A call whose operands have places instead of addresses, with what it only pointed to.
struct Call {
  AnyCall what = {};  // the attributes; its operands are blank
  const Backend* backend = nullptr;
  Where at = {};                         // the user's line
  int region = 0;                        // what a checkpoint computes again is a region of its own and merges with nothing outside
  std::vector<Place> in = {}, out = {};  // what it reads and what it writes, in the order of its fields
  DType dtype = DType::float32;          // its program, registers as in Program
  std::vector<Immediate> immediates = {};
  std::vector<Instr> code = {};
  std::vector<uint16_t> results = {};
  std::vector<char> bytes = {};  // what it takes from the host
};
template <class C>
bool is(const Call& c) {
  return std::holds_alternative<C>(c.what);
}
template <class C>
const C& as(const Call& c) {
  return std::get<C>(c.what);
}
const char* name_of(const Call& c);

struct Buffer {
  enum Kind : uint8_t { temporary, captured, input, output };
  Kind kind = temporary;
  size_t bytes = 0;
  Device device = cpu;
  Where at = {};              // where a temporary was born
  size_t slot = none;         // input: which argument's storage
  size_t band = none;         // temporary: the only band that uses it, row by row
  Ref<Storage> storage = {};  // captured: held, so that its memory cannot be given to another
};

/// Calls in a row that are made for one block of rows after another; the blocks do not depend on each other.
struct Band {
  size_t first = 0, count = 0;  // calls
  int64_t rows = 0, step = 0;   // altogether, and in one block
  double ns = 0;                // what all of it takes, roughly
  int64_t local_bytes = 0;      // memory for what is the band's own, for one block
};

/// The temporaries of one device.
struct Arena {
  Device device;
  int64_t bytes = 0;
};

/// One step: its buffers, its calls in order and the places it returns.
struct Sequence {
  std::vector<Buffer> buffers;
  std::vector<Call> calls;
  std::vector<Place> results;
  std::vector<Band> bands;            // in the order of their calls
  std::vector<char> once;             // a call whose result is the same in every step runs when the step is compiled
  bool one_launch = false;            // a device may take the calls down and run them as one
  std::vector<Arena> arenas;          // one for each device that has temporaries
  std::vector<int64_t> arena_offset;  // by buffer, in its band's memory or its device's arena; -1: in neither
};

/// True if a buffer's contents outlive the step.
inline bool lasts(const Buffer& b) { return b.kind != Buffer::temporary; }
/// The place covers the buffer from its first byte to its last, in order.
bool is_whole(const Place& p, const Buffer& b);
/// The band that call i belongs to; -1: none.
size_t band_of(const Sequence& s, size_t i);
/// Bytes of all arenas.
int64_t arena_bytes(const Sequence& s);
/// Per buffer: whether it is written once, as a whole, by a call that does not read it, and belongs to the step.
std::vector<char> values(const Sequence& s);

/// The attributes of a call with their names, each value as its bytes: program and host's bytes included, operands not.
struct Attribute {
  std::string name, value;
};
std::vector<Attribute> attributes(const Call& c);
/// What differs between two recordings of the same step, naming the call and the user's line; empty if nothing does.
std::string difference(const Sequence& a, const Sequence& b);
/// The list, one call a line: results = what it computes(operands, attribute=value), type and shape, the user's line. %3 is a buffer, +8 an
/// offset in bytes, /[1, 4] strides that are not row-major.
std::string show(const Sequence& s);

}  // namespace compiled
}  // namespace scoregrad
