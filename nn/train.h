// The loop around a training step: progress, log, checkpoints, interrupt and resume.
#pragma once
#include <functional>

#include "nn/checkpoint.h"
#include "nn/loader.h"

namespace scoregrad::nn {

struct TrainOptions {
  int64_t steps = 1000;                         ///< in all, those before a resume included
  std::vector<Part> state = {};                 ///< what a checkpoint holds: {{"net", net}, {"optimiser", adam}, {"ema", ema}}
  std::string checkpoint = {};                  ///< a safetensors file; if it exists the run goes on from it. Empty: none
  int64_t checkpoint_every = 500;               ///< steps; the last step and an interrupt write one too
  std::string log = {};                         ///< a CSV file. Empty: none
  int64_t log_every = 10;                       ///< steps
  std::vector<std::string> columns = {"loss"};  ///< names of the numbers that a step returns
  /// Called after each step with the fraction done, in place of the progress bar; false ends the run as an interrupt does.
  std::function<bool(double)> progress = {};
  /// Called after every `observe_every`-th step and the last one, with the numbers of that step: to print, to sample, to save a picture.
  /// The progress bar makes room, and an interrupt waits until it returns. The checkpoint of the same step, if one is due, has been
  /// written.
  std::function<void(int64_t step, const std::vector<double>& numbers)> observe = {};
  int64_t observe_every = 100;  ///< steps
  /// Of a step of tensors: its data, made on the host: {.batch = [&](int64_t i) { return loader.batch(i); }}. Empty: none.
  std::function<Tensors(int64_t step)> batch = {};
  bool compile = true;  ///< a step of tensors is compiled, if the run is long enough to gain
};
struct Trained {
  int64_t step = 0;          ///< steps taken in all
  int64_t resumed = 0;       ///< of which before this call
  bool interrupted = false;  ///< by SIGINT, SIGTERM or `progress`; the checkpoint, if any, is of `step`
};

/// Calls step(i, key.fold(i)) for i = 0, 1, .. options.steps - 1. The step computes a loss, updates what is in options.state and returns
/// the numbers to log: a 0-d tensor, or a vector with one entry a column; they are read after the first step and when they are logged, and
/// must be finite. Before the first step checkpoint and log are tried, so that a run does not learn after hours that it cannot keep them. A
/// run that was interrupted or killed and is called again goes on from its checkpoint and ends with the same bytes as one that never
/// stopped, if all that its steps change is in `state` and all that they draw comes from their key. Without `progress`, SIGINT and SIGTERM
/// let the step finish and write a checkpoint. Throws Error for a file that does not fit the run and for numbers that are not finite.
Trained train(const std::function<Tensor(int64_t, const Key&)>& step, const TrainOptions& options, const Key& key,
              Where at = Where::here());

/// The same for a step that is a function of tensors: it does not know its number, it gets options.batch(i), in memory of its own, and a
/// key whose words are in a tensor where the data are (options.batch, else options.state). So it is compiled (for_loop): called in its
/// first three steps, in ever fewer later ones and before each checkpoint and the end, and replayed in between. What changes from step to
/// step must be in tensors. A step that reads values on the host or cannot be recorded for another reason stays eager; a LoopWatch hears
/// why.
Trained train(const std::function<Tensor(const Tensors& batch, const Key&)>& step, const TrainOptions& options, const Key& key,
              Where at = Where::here());

}  // namespace scoregrad::nn
