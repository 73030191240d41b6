// Comparing what was computed with what a file says, quantity by quantity.
#pragma once
#include "tests/conformance/reader.h"

namespace conformance {

/// The quantities computed for one case, named by their path below the case. A quantity computed by several routes has several values,
/// and each of them is compared.
class Values {
 public:
  void add(const std::string& name, const Tensor& value) { values_.emplace(name, value); }
  void add(const std::string& name, double value) { add(name, scalar(value, {.dtype = float64})); }
  /// prefix.key for each entry.
  void add(const std::string& prefix, const std::map<std::string, Tensor>& entries) {
    for (const auto& [key, value] : entries) add(prefix + "." + key, value);
  }
  /// Every quantity whose name begins with `prefix` is reported as unsupported, for this reason.
  void unsupported(const std::string& prefix, const std::string& why) { missing_[prefix] = why; }

  std::vector<Tensor> at(const std::string& name) const;
  std::string why_missing(const std::string& name) const;

 private:
  std::multimap<std::string, Tensor> values_;
  std::map<std::string, std::string> missing_;
};

/// What a kind of case needs in order to be recognised and computed.
struct Kind {
  const char* name;
  const char* section;  ///< the field of the file in which such cases stand
  const char* mark;     ///< a field that only cases of this kind have; "" if the section tells
  const char* given;    ///< fields that are input or commentary, as globs separated by spaces; all others are quantities
  void (*compute)(const Field& test, Values& values);
};
/// Every kind, and the tolerance of a quantity "kind/case/quantity" in |got - want| <= tolerance (1 + |want|): kinds.cpp.
const std::vector<Kind>& kinds();
double tolerance(const std::string& quantity);

struct Report {
  int passed = 0, failed = 0, unsupported = 0;

  /// Computes one case and compares all its quantities.
  void run(const Kind& kind, const Field& test, const std::string& label);

 private:
  void line(const char* verdict, const std::string& label, const std::string& quantity, const std::string& text);
  void compare(const Kind& kind, const Field& want, const std::string& name, const std::string& label, const Values& values);
  void quantity(const Kind& kind, const Field& want, const std::string& name, const std::string& label, const Values& values);
};

/// True if `text` matches one of the globs.
bool matches(const std::string& globs, const std::string& text);
/// Whether "kind/case" of `test` and how it is called: its name, else its place.
std::string label_of(const Field& test);

}  // namespace conformance
