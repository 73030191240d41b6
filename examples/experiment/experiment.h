// The frame of an experiment: a program that works something out, shows it as a page and as tables that other programs can read, and exits
// with 1 where an outcome that it promises does not come out.
#pragma once
#include <functional>
#include <stdexcept>

#include "autograd/ops/random.h"
#include "report/chart.h"

namespace scoregrad {

class Experiment {
 public:
  /// What the user chose; main() fills it from the command line.
  struct Plan {
    std::string name, title;
    bool quick = false;
    uint64_t seed = 42;
    Options options = {};     ///< element type and device to work with
    std::string report = {};  ///< write the page to this file
    std::string csv = {};     ///< write one .csv file for each table and figure into this folder
  };
  explicit Experiment(Plan plan) : plan_(std::move(plan)) {}

  const Plan& plan() const { return plan_; }
  bool quick() const { return plan_.quick; }
  /// A size for --quick and one for a full run.
  int64_t size(int64_t quick, int64_t full) const { return plan_.quick ? quick : full; }
  Key key(std::string_view name) const { return Key(plan_.seed).fold(plan_.name).fold(name); }
  Options options() const { return plan_.options; }

  // ---- what it shows, in order ------------------------------------------------------------------------------------------------------
  /// Also printed.
  void heading(const std::string& text);
  void text(const std::string& text);
  /// `name` names the .csv file. Also printed.
  void table(const std::string& name, const report::Table& table);
  void figure(const std::string& name, const report::LineChart& chart);
  void figure(const std::string& name, const report::BarChart& chart);
  void figure(const std::string& name, const report::Figure& figure);

  // ---- what it promises -------------------------------------------------------------------------------------------------------------
  /// Returns `holds`, after it was noted and printed.
  bool expect(bool holds, const std::string& what);
  /// |found - wanted| <= within. NaN is never near.
  bool expect_near(const std::string& what, double found, double wanted, double within);
  /// found < bound.
  bool expect_below(const std::string& what, double found, double bound);
  bool expect_above(const std::string& what, double found, double bound);

  /// Between steps: how much of the work is done, shown on a terminal; throws Interrupted after Ctrl-C.
  void progress(double done, const std::string& doing = "");
  struct Interrupted : std::runtime_error {
    Interrupted() : std::runtime_error("interrupted") {}
  };

  /// Writes what was asked for, all of each file or nothing; returns 0 if everything promised came out, else 1. `seconds`: what it took.
  int finish(double seconds) const;

 private:
  struct Outcome {
    bool holds;
    std::string what;
  };
  Plan plan_;
  std::vector<std::function<void(report::Page&)>> shown_;
  std::vector<std::pair<std::string, std::string>> files_;  // name and text of each .csv file
  std::vector<Outcome> outcomes_;
};

/// What an experiment's main() is:  return run_experiment(argc, argv, {.name = "circle", .title = ...}, [](Experiment& e) { ... });
/// Adds --quick, --seed, --report, --csv, --dtype, --device. Returns 0, 1 if an outcome failed, 2 on trouble, 130 after Ctrl-C.
int run_experiment(int count, char** words, Experiment::Plan plan, const std::function<void(Experiment&)>& body);

/// A number with so many significant digits, for cells and sentences.
std::string number(double x, int digits = 4);
/// "0.40 +- 0.02"
std::string with_error(double x, double standard_error);

}  // namespace scoregrad
