// Several elementwise calls as the program of one: what one stores and a later one loads is a register.
#pragma once
#include <functional>
#include <utility>

#include "autograd/backend/program_builder.h"
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

/// Takes calls over one shape in their order.
class JointProgram {
 public:
  explicit JointProgram(const std::vector<const Call*>& filled) : filled_(filled) {}

  void add(const Call& c);
  /// The call; only what `needed` names is stored, and only what that depends on is computed.
  Call finish(const Call& model, DType dtype, const std::function<bool(const Place&)>& needed) const;

 private:
  using Value = ProgramBuilder::Value;
  Value load(const Place& p);
  void store(const Place& p, Value v);

  const std::vector<const Call*>& filled_;
  ProgramBuilder program_;
  std::vector<Place> loads_;  // by operand
  std::vector<std::pair<Place, Value>> stores_;
};

}  // namespace scoregrad::compiled
