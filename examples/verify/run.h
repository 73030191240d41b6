// A run: the statements that are checked, the routes that reach them, and what came out.
#pragma once
#include <csignal>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>

#include "autograd/files/inflate.h"
#include "autograd/graph/gradient.h"
#include "examples/verify/values.h"
#include "losses/score_matching.h"
#include "report/page.h"

namespace scoregrad::verify {

/// What is said of a route and the reference.
enum class Relation {
  equals,
  differs,  ///< visibly
  below,    ///< every component is below the reference's, visibly
  at_most,  ///< every component is, up to rounding
  refutes,  ///< a test of the test: sampled numbers with an error put in on purpose must be told from the reference
};

/// A route's numbers, or none where it cannot be taken; called only if its row is wanted.
using Route = std::function<Values()>;

enum class Verdict { pass, fail, skip };

/// How one row came out in one element type.
struct Outcome {
  Values reference, found;
  Distance distance;
  double seconds = 0;   // of CPU time
  std::string trouble;  // an exception's message
};
/// One route compared with the reference.
struct Row {
  std::string name, reference, route;
  Relation relation = Relation::equals;
  Kind kind = Kind::closed_form;
  std::string skipped = {};  // why, if it was
  std::map<DType, Outcome> outcomes = {};
};
struct StatementRows {
  std::string name, text;
  std::vector<Row> rows;
};
struct Plan {
  std::vector<DType> dtypes = {DType::float64, DType::float32};
  uint64_t seed = 42;
  int64_t samples = 1 << 20;
  bool quick = false, list = false, draws = false;
  std::string only = "*", data = {};
  int64_t data_limit = unpacked_at_most;  // of `data`, if it is compressed
};

/// Thrown where work stops because the user asked for it.
struct Interrupted : std::runtime_error {
  Interrupted() : std::runtime_error("interrupted") {}
};
/// Set by ctrl-C.
extern volatile std::sig_atomic_t interrupted;

class Run;
/// A statement under way: the first route is the reference, every further one a row.
class Statement {
 public:
  Statement(Run& run, size_t index) : run_(run), index_(index) {}
  Statement& from(const std::string& route, Kind kind, Route f);
  Statement& equals(const std::string& route, Kind kind, Route f) { return row(route, Relation::equals, kind, std::move(f)); }
  Statement& differs(const std::string& route, Route f) { return row(route, Relation::differs, Kind::quadrature, std::move(f)); }
  Statement& below(const std::string& route, Route f) { return row(route, Relation::below, Kind::quadrature, std::move(f)); }
  Statement& at_most(const std::string& route, Route f) { return row(route, Relation::at_most, Kind::quadrature, std::move(f)); }
  Statement& refutes(const std::string& route, Route f) { return row(route, Relation::refutes, Kind::closed_form, std::move(f)); }

 private:
  Statement& row(const std::string& route, Relation relation, Kind kind, Route f);
  Run& run_;
  size_t index_;
  std::string reference_name_;
  Kind reference_kind_ = Kind::closed_form;
  Route reference_;
  bool known_ = false;
  Values value_;
};

class Run {
 public:
  explicit Run(Plan plan) : plan_(std::move(plan)) {}

  const Plan& plan() const { return plan_; }
  bool quick() const { return plan_.quick; }
  DType dtype() const { return dtype_; }
  /// What tensors of this pass are made with.
  Options options() const { return {dtype_}; }
  Key key(std::string_view name) const { return Key(plan_.seed).fold(name); }
  /// The number of samples of a Monte-Carlo route.
  int64_t samples() const { return plan_.samples; }
  /// How many of them at a time: what a core's caches hold, or what keeps a GPU busy.
  int64_t block() const { return default_device() == cuda ? int64_t{1} << 18 : 4096; }

  /// Opens a statement called "family/name".
  Statement statement(const std::string& name, const std::string& text);
  /// Reports a family that cannot be checked, and why.
  void skip(const std::string& name, const std::string& text, const std::string& why);
  /// Adds a figure to the report; `make` is called only if there is one to write.
  void figure(const std::string& name, const std::function<report::Figure()>& make);
  /// Shows how far a long route is; throws Interrupted after ctrl-C.
  void progress(double fraction);
  /// The same as an option of `decompose`.
  std::function<bool(double)> watcher();

  /// Calls one family once for each element type.
  void check(void (*family)(Run&));

  const std::vector<StatementRows>& statements() const { return statements_; }
  const std::vector<report::Figure>& figures() const { return figures_; }
  /// Comparisons with a standard error so far, and the z that none of them may exceed.
  int64_t comparisons() const;
  double limit() const { return threshold(comparisons()); }
  Verdict verdict(const Row& row, DType dtype) const;
  Verdict verdict(const Row& row) const;

 private:
  friend class Statement;
  bool wanted(const std::string& name) const;
  Plan plan_;
  DType dtype_ = DType::float64;
  std::vector<StatementRows> statements_;
  std::vector<report::Figure> figures_;
  std::string at_work_;
  int last_percent_ = -1;
};

/// A value computed when it is first asked for: what several routes share costs nothing where none of them is wanted.
template <class F>
auto once(F compute) {
  return [ compute, value = std::make_shared<std::optional<decltype(compute())>>() ]() -> const auto& {
    if (!*value) *value = compute();
    return **value;
  };
}

/// CPU time of this process in seconds.
double cpu_seconds();

}  // namespace scoregrad::verify
