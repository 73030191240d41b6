#include "autograd/backend/environment.h"

#include <cstdlib>
#include <string_view>

#include "autograd/backend/error.h"

extern char** environ;

namespace scoregrad {
namespace {

struct Variable {
  std::string_view name, values;  // values between spaces; empty: any
};
constexpr std::string_view prefix = "SCOREGRAD_";
constexpr Variable known[] = {
    {"SCOREGRAD_DEVICE",
#define SG_BACKEND(name, part) " " #name
#include "autograd/backend/devices.def"
     " "},
    {"SCOREGRAD_COMPILE", " on off log "},
    {"SCOREGRAD_CUDA_LIBRARY", ""},
    {"SCOREGRAD_CUDA_GRAPHS", " 0 1 "},
    {"SCOREGRAD_CUDA_POOL", " 0 1 "},
    {"SCOREGRAD_CUDA_SYNC", " 0 1 "},
    {"SCOREGRAD_LOG", " 0 1 "},
    {"SCOREGRAD_WITHOUT", ""},
    // Of tests and benchmarks.
    {"SCOREGRAD_KILLS", ""},
    {"SCOREGRAD_PEERS", ""},
    {"SCOREGRAD_PROGRAMS", ""},
    {"SCOREGRAD_RESUME_IN", ""},
    {"SCOREGRAD_TRIALS", ""},
};
constexpr std::string_view emulation = "SCOREGRAD_EMULATED_";

std::string fault_of(std::string_view name, std::string_view value) {
  if (name.substr(0, emulation.size()) == emulation) return {};
  std::string fault(name), word(1, ' ');
  fault.append("=").append(value).append(": ");
  word.append(value).append(" ");
  for (const Variable& v : known) {
    if (v.name != name) continue;
    if (value.empty() || v.values.empty() || v.values.find(word) != std::string_view::npos) return {};
    return fault.append("there are").append(v.values.substr(0, v.values.size() - 1));
  }
  return fault.append("nothing reads a variable of this name");
}

}  // namespace

std::string environment_choice(const char* name) {
  const char* said = std::getenv(name);
  if (!said) return {};
  if (const std::string fault = fault_of(name, said); !fault.empty()) throw Error({}, fault);
  return said;
}

std::vector<std::string> environment_faults() {
  std::vector<std::string> faults;
  for (char** entry = environ; entry && *entry; ++entry) {
    const std::string_view text = *entry;
    if (text.substr(0, prefix.size()) != prefix) continue;
    const size_t sign = text.find('=');
    if (sign == std::string_view::npos) continue;
    std::string fault = fault_of(text.substr(0, sign), text.substr(sign + 1));
    if (!fault.empty()) faults.push_back(std::move(fault));
  }
  return faults;
}

}  // namespace scoregrad
