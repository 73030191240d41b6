// What all samplers share: what they are told, what they return, and the loop that each of them is. A sampler is a free function of (score,
// x, schedule, key, options); x holds one particle a row, [n, d] or (not for mala) [n, c, h, w], and particles never see each other.
#pragma once
#include <csignal>
#include <functional>

#include "autograd/compile/loop.h"
#include "autograd/graph/mode.h"
#include "autograd/ops/ops.h"
#include "autograd/ops/random.h"

namespace scoregrad::samplers {

/// grad log p at each row.   [n, d] -> [n, d]
using ScoreFunction = std::function<Tensor(const Tensor& x)>;
/// The same for the law at a noise level or time, which comes as a 0-d tensor of x's type.   [n, d], [] -> [n, d]
using NoisyScore = std::function<Tensor(const Tensor& x, const Tensor& level)>;

struct SamplerOptions {
  /// Records every step, so that gradients flow from the samples into x and whatever the score uses. Otherwise nothing is recorded; a score
  /// that needs a gradient to compute itself switches recording on for that (RecordingScope).
  bool differentiable = false;
  /// Called after each step with its number, from 1 on, and where the particles are.
  std::function<void(int64_t step, const Tensor& x)> observe = {};
  /// Called after each step with the fraction done; false stops.
  std::function<bool(double)> progress = {};
  /// Stops before the next step once this is not 0; what a handler of SIGINT may set.
  const volatile std::sig_atomic_t* stop = nullptr;
  /// How many steps were made before: a run in pieces draws what one run draws, because draw i takes key.fold(i).
  int64_t first = 0;
  /// What to use in place of the i-th draw of standard normals, shaped like x.
  std::function<Tensor(int64_t draw, const Tensor& x)> noise = {};
  /// Steps are compiled (for_loop): the score is called in some of them only, so it must follow from its arguments and from tensors.
  bool compile = true;
};

/// Throws Error unless at least one step is asked for, and no more than fit into an int.
void check_steps(const char* op, int64_t steps, Where at);

/// Where a sampler ended. How its steps ran is what a LoopWatch hears.
struct Samples {
  Tensor x;                 ///< [n, d]
  int64_t steps = 0;        ///< made; fewer than asked for if it was stopped
  int64_t evaluations = 0;  ///< of the score, for all particles at once
  bool stopped = false;
  Tensor acceptance = {};  ///< share of proposals that each particle accepted; of samplers that propose   [n]
};

/// The loop of a sampler: while (walk.next()) walk.to(walk.step(..)[0]), where a step is a function of tensors alone.
class Walk {
 public:
  Walk(const char* op, const Tensor& x, int64_t steps, const SamplerOptions& options, Where at);
  Walk(const Walk&) = delete;
  Walk& operator=(const Walk&) = delete;

  /// True while a step is to be made.
  bool next();
  /// Number of the step under way: 0, 1, ... in this call, and counted from the first call of a run in pieces.
  int64_t step() const { return samples_.steps; }
  int64_t number() const { return options_.first + samples_.steps; }
  const Tensor& x() const { return samples_.x; }
  /// The particles' next place, which ends the step.
  void to(const Tensor& x);
  /// What a step computes from its arguments; host numbers that change from step to step come as `numbers`, draws as `draw`. Arguments of
  /// another number or shape may mean another kind of step.
  void each(compiled::Step f);
  Tensors step(const Tensors& arguments);
  /// How such a step is compiled, also by a solver of its own that makes about so many.
  LoopOptions compiled(int64_t steps) const { return for_loop(steps, options_.compile && !recording()); }
  /// Host numbers for a step, like x.   [k]
  Tensor numbers(const std::vector<double>& values) const { return from(values, like(samples_.x), at_); }
  /// The i-th draw for a step: the words of its key, or what the options have in place of normals ...
  Tensor draw(const Key& key, int64_t i) const;
  /// ... and the standard normals like x that it stands for.
  Tensor noise(const Tensor& drawn, const Tensor& x) const;
  /// The score, checked for its shape.
  Tensor score(const ScoreFunction& s, const Tensor& x) const { return checked(s(x), x); }
  Tensor score(const NoisyScore& s, const Tensor& x, const Tensor& level) const { return checked(s(x, level), x); }
  /// So many evaluations of the score were part of this step.
  void evaluated(int64_t times) { samples_.evaluations += times; }
  Samples& samples() { return samples_; }

 private:
  Tensor checked(const Tensor& s, const Tensor& x) const;
  bool recording() const { return options_.differentiable && mode.recording; }

  const char* op_;
  const SamplerOptions& options_;
  Where at_;
  CallerScope line_;
  RecordingScope recording_;
  int64_t steps_;
  Samples samples_;
  std::optional<CompiledLoop> step_;
};

}  // namespace scoregrad::samplers
