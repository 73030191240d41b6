#include "nn/state.h"

#include <fmt/format.h>

namespace scoregrad::nn {

void add_to(NamedTensors& state, const std::string& name, const Tensor& tensor, Where at) {
  if (!state.emplace(name, tensor).second) throw Error(at, fmt::format("state: two tensors are called '{}'", name));
}

void restore(const NamedTensors& state, const LoadedTensors& values, const std::string& source, Where at) {
  std::string faults;
  int count = 0;
  const auto fault = [&](const std::string& text) {
    if (++count <= 8) faults += "\n  " + text;  // enough to see what kind of file it is
  };
  const auto described = [](const Tensor& t) { return fmt::format("{} {}", name_of(t.dtype()), to_string(t.shape())); };
  for (const auto& [name, t] : state) {
    const auto found = values.find(name);
    const auto reason = values.unread.find(name);
    if (reason != values.unread.end())
      fault(fmt::format("'{}' was not read: {}", name, reason->second));
    else if (found == values.end())
      fault(fmt::format("'{}' is missing", name));
    else if (found->second.shape() != t.shape() || found->second.dtype() != t.dtype())
      fault(fmt::format("'{}' is {} in the file, {} here", name, described(found->second), described(t)));
  }
  for (const auto& entry : values)
    if (!state.count(entry.first)) fault(fmt::format("'{}' is in the file only", entry.first));
  for (const auto& entry : values.unread)
    if (!state.count(entry.first)) fault(fmt::format("'{}' is in the file only", entry.first));
  if (count > 8) faults += fmt::format("\n  and {} more", count - 8);
  if (count > 0) throw Error(at, fmt::format("load: '{}' does not fit, nothing was changed:{}", source, faults));

  const NoGrad guard;
  for (const auto& [name, t] : state) copy_(t, values.at(name).to(t.device()));
}

}  // namespace scoregrad::nn
