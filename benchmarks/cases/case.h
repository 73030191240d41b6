// What is timed. A case is declared once, with scoregrad's arithmetic and a count of the work that no program can avoid; whatever other
// library is timed on it begins from the same inputs, the same initial values and the same random numbers, and must come to the same
// results.
#pragma once
#include <functional>
#include <string>

#include "autograd/ops/ops.h"
#include "autograd/tensor/key.h"
#include "benchmarks/cases/stopwatch.h"

namespace bench {

/// One case at one size, ready to run.
struct Problem {
  scoregrad::Tensors given;  ///< inputs and initial values, copied by other libraries before the first step
  scoregrad::Tensors state;  ///< what a step writes in place
  std::function<scoregrad::Tensors(const scoregrad::Key&)> draw = {};            ///< the random numbers of one step; none if empty
  std::function<scoregrad::Tensors(const scoregrad::Tensors& drawn)> step = {};  ///< one step: its results
};

struct Case {
  std::string name, notes;
  std::string unit;  ///< what its size counts
  double size = 1;   ///< of these, at scale 1
  std::function<Problem(int64_t size)> make;
  std::function<Work(int64_t size)> work;
  int steps = 1;        ///< of one run, whose time is reported ...
  int measured = 1;     ///< ... from so many of them
  bool plain = false;   ///< nothing is recorded for a gradient
  bool trains = false;  ///< its first result is a loss, which is read on the host after each step and must lie between 0 and 10

  int64_t size_at(double scale) const;
  /// How its time is reported; `mode` is what a peer adds to the name, "_eager" or nothing.
  Timed timed(int64_t size, const std::string& mode, const std::string& how) const;
  /// False if no name that begins with it is asked for.
  bool wanted(const Options& options) const;
};

/// All cases, in the order of the report.
std::vector<Case> cases();

/// Exits unless a loss lies between 0 and 10.
void check_loss(double loss);

/// One step of a problem on the next random numbers; `key` is the state of their stream.
scoregrad::Tensors advance(const Problem& problem, const scoregrad::Tensor& key);

// The parts of the list, each in its file.
std::vector<Case> elementwise_cases();
std::vector<Case> training_cases();
std::vector<Case> derivative_cases();
std::vector<Case> particle_cases();
std::vector<Case> block_cases();

}  // namespace bench
