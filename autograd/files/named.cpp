#include "autograd/files/named.h"

#include "autograd/files/encoding.h"

namespace scoregrad {

const Tensor& LoadedTensors::at(const std::string& name, Where at) const {
  if (const auto found = find(name); found != end()) return found->second;
  std::string why = source + ": '" + printable(name) + "' ";
  if (const auto known = unread.find(name); known != unread.end()) throw Error(at, why + "was not read: " + known->second);
  why += "is not there; there are";
  if (empty()) why += " none";
  int64_t listed = 0;
  for (const auto& entry : *this) {
    if (++listed > 8) {  // enough to see what kind of file it is
      why += " ..";
      break;
    }
    why += " '" + printable(entry.first) + "'";
  }
  throw Error(at, why);
}

}  // namespace scoregrad
