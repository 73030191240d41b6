// Several elementwise calls as the program of one: what one stores and a later one loads is a register.
#pragma once
#include <functional>

#include "autograd/compile/call.h"

namespace scoregrad::compiled {

constexpr size_t most_instructions = 96, most_loads = 16;

/// Without the extents of one, which decide nothing: [64, 1, 2] and [64, 2] meet.
Place squeezed(const Place& p);
/// A copy within one element type is a program of no instruction.
bool is_elementwise(const Call& c);
/// The element type in which an elementwise call computes.
DType arithmetic(const Call& c);
/// By buffer the fill that made it, where nothing else writes it; such a value is an immediate of a program.
std::vector<const Call*> fills(const Sequence& s);

/// Takes calls over one shape in their order. Registers are numbered by kind first and put in a Program's order at the end.
class ProgramBuilder {
 public:
  explicit ProgramBuilder(const std::vector<const Call*>& filled) : filled_(filled) {}

  void add(const Call& c);
  /// The call; only what `needed` names is stored, and only what that depends on is computed.
  Call finish(const Call& model, DType dtype, const std::function<bool(const Place&)>& needed);

 private:
  static constexpr int immediate_base = 1 << 16, instruction_base = 1 << 17;
  struct Symbolic {
    Op op;
    int a, b, c, arity;
  };
  using Stores = std::vector<std::pair<Place, int>>;

  int load(const Place& p);
  int immediate(Immediate v);
  int instruction(const Symbolic& i);
  void store(const Place& p, int r);
  void prune(Stores& stores);

  const std::vector<const Call*>& filled_;
  std::vector<Place> loads_;
  std::vector<Immediate> immediates_;
  std::vector<Symbolic> code_;
  Stores stores_;
};

}  // namespace scoregrad::compiled
