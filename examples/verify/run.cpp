#include "examples/verify/run.h"

#include <fmt/format.h>
#include <fnmatch.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>

namespace scoregrad::verify {

volatile std::sig_atomic_t interrupted = 0;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

namespace {

bool terminal() {
  static const bool yes = isatty(2);
  return yes;
}
void clear_line() {
  if (terminal()) std::fputs("\r\033[2K", stderr);
}

}  // namespace

Statement& Statement::from(const std::string& route, Kind kind, Route f) {
  reference_name_ = route;
  reference_kind_ = kind;
  reference_ = std::move(f);
  return *this;
}

Statement& Statement::row(const std::string& route, Relation relation, Kind kind, Route f) {
  StatementRows& statement = run_.statements_[index_];
  const std::string name = statement.name + "/" + route;
  if (!run_.wanted(name) && !run_.wanted(statement.name)) return *this;
  const auto known = std::find_if(statement.rows.begin(), statement.rows.end(), [&](const Row& r) { return r.name == name; });
  const size_t at = static_cast<size_t>(known - statement.rows.begin());
  if (known == statement.rows.end()) statement.rows.push_back({name, reference_name_, route, relation, std::max(kind, reference_kind_)});
  if (run_.plan_.list) return *this;

  run_.at_work_ = name;
  run_.last_percent_ = -1;
  run_.progress(0);
  Outcome o;
  const double start = cpu_seconds();
  try {
    if (!known_) value_ = reference_();
    known_ = true;
    o.reference = value_;
    o.found = f();
    o.distance = distance(o.reference, o.found, tolerance(std::max(kind, reference_kind_), run_.dtype_));
  } catch (const Interrupted&) {
    throw;
  } catch (const std::exception& e) {
    if (interrupted) throw Interrupted();
    o.trouble = e.what();
  }
  o.seconds = cpu_seconds() - start;
  clear_line();
  run_.statements_[index_].rows[at].outcomes[run_.dtype_] = std::move(o);
  return *this;
}

bool Run::wanted(const std::string& name) const { return fnmatch(plan_.only.c_str(), name.c_str(), 0) == 0; }

Statement Run::statement(const std::string& name, const std::string& text) {
  const auto known = std::find_if(statements_.begin(), statements_.end(), [&](const StatementRows& s) { return s.name == name; });
  const size_t index = static_cast<size_t>(known - statements_.begin());
  if (known == statements_.end()) statements_.push_back({name, text, {}});
  return {*this, index};
}

void Run::skip(const std::string& name, const std::string& text, const std::string& why) {
  if (!wanted(name) || (!statements_.empty() && statements_.back().name == name)) return;
  statements_.push_back({name, text, {{.name = name, .reference = "", .route = "", .skipped = why}}});
}

void Run::figure(const std::string& name, const std::function<report::Figure()>& make) {
  if (!plan_.draws || plan_.list || dtype_ != plan_.dtypes.front() || !wanted(name)) return;
  at_work_ = name + " (figure)";
  last_percent_ = -1;
  progress(0);
  figures_.push_back(make());
  clear_line();
}

void Run::progress(double fraction) {
  if (interrupted) throw Interrupted();
  const int percent = static_cast<int>(100 * fraction);
  if (!terminal() || percent == last_percent_) return;
  last_percent_ = percent;
  std::fputs(fmt::format("\r\033[2K{} {} {}%", name_of(dtype_), at_work_, percent).c_str(), stderr);
}

std::function<bool(double)> Run::watcher() {
  return [this](double fraction) {
    progress(fraction);
    return true;
  };
}

void Run::check(void (*family)(Run&)) {
  for (const DType dtype : plan_.dtypes) {
    dtype_ = dtype;
    family(*this);
    if (plan_.list) break;
  }
}

int64_t Run::comparisons() const {
  int64_t n = 0;
  for (const StatementRows& s : statements_)
    for (const Row& r : s.rows)
      for (const auto& [dtype, o] : r.outcomes) n += o.distance.comparisons;
  return n;
}

Verdict Run::verdict(const Row& row, DType dtype) const {
  const auto it = row.outcomes.find(dtype);
  if (!row.skipped.empty() || it == row.outcomes.end()) return Verdict::skip;
  const Outcome& o = it->second;
  const double tol = tolerance(row.kind, dtype);
  const auto each = [&](double margin) {  // found <= reference - margin, allowing for sampling
    for (size_t i = 0; i < o.found.value.size(); ++i) {
      const double a = o.reference.value[i], b = o.found.value[i];
      const double noise = limit() * std::hypot(o.reference.error[i], o.found.error[i]);
      if (!(b <= a - margin * (1 + std::abs(a)) + (margin > 0 ? -noise : noise))) return false;
    }
    return true;
  };
  bool good = o.trouble.empty();
  if (good) switch (row.relation) {
      case Relation::equals:
        good = o.distance.error <= tol && o.distance.z <= limit();
        break;
      case Relation::differs:
        good = o.distance.error >= visible || o.distance.z > limit();
        break;
      case Relation::below:
        good = each(visible);
        break;
      case Relation::at_most:
        good = each(-tol);
        break;
      case Relation::refutes:
        good = o.distance.z > limit() && o.distance.comparisons > 0;
        break;
    }
  return good ? Verdict::pass : Verdict::fail;
}

Verdict Run::verdict(const Row& row) const {
  Verdict worst = Verdict::skip;
  for (const auto& [dtype, o] : row.outcomes) {
    const Verdict v = verdict(row, dtype);
    if (v == Verdict::fail) return v;
    if (v == Verdict::pass) worst = v;
  }
  return worst;
}

}  // namespace scoregrad::verify
