#include "nn/train.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <optional>

#include "autograd/compile/loop.h"
#include "autograd/files/encoding.h"
#include "nn/log.h"
#include "nn/progress.h"

namespace scoregrad::nn {
namespace {

void check(const TrainOptions& o, Where at) {
  if (o.steps < 0 || o.checkpoint_every < 1 || o.log_every < 1 || o.observe_every < 1)
    throw Error(at, fmt::format("train: steps {}, checkpoint_every {}, log_every {} and observe_every {} make no run", o.steps,
                                o.checkpoint_every, o.log_every, o.observe_every));
  for (const std::string& column : o.columns)
    if (!o.log.empty() && column.find_first_of(",\"\r\n") != std::string::npos)
      throw Error(at, fmt::format("train: the column '{}' would break its line of the log", printable(column)));
  if (!o.checkpoint.empty() && o.state.empty()) throw Error(at, "train: a checkpoint needs `state`, what is to be kept in it");
}

// The numbers of one step, on the host.
std::vector<double> numbers(const Tensor& result, int64_t step, int64_t seen, const TrainOptions& o, Where at) {
  if (!result.defined() || result.numel() != static_cast<int64_t>(o.columns.size()))
    throw Error(at,
                fmt::format("train: step {} returned {} where {} columns are named", step,
                            result.defined() ? "a tensor of shape " + to_string(result.shape()) : "an undefined tensor", o.columns.size()));
  const std::vector<double> values = result.to_vector<double>();
  for (size_t i = 0; i < values.size(); ++i)
    if (!std::isfinite(values[i]))
      throw Error(
          at, fmt::format("train: {} is {} after step {}{}; the last checkpoint, if any, is from before. The op that made it is named by "
                          "an Anomaly that lives in the step",
                          o.columns[i], values[i], step, step > seen + 1 ? fmt::format(", and was finite after step {}", seen) : ""));
  return values;
}

// What a step of tensors is called with. A view of the data would be another layout in each step, and what a step writes into its batch
// must not reach them.
Tensors arguments(int64_t step, const TrainOptions& o, const Key& key, Where at) {
  const NoGrad guard;
  Tensors in = o.batch ? o.batch(step) : Tensors{};
  for (size_t i = 0; i < in.size(); ++i) {
    Tensor& x = in[i];
    if (!x.defined()) throw Error(at, fmt::format("train: tensor {} of the batch of step {} is undefined", i, step));
    if (x.sole_owner() && !x.tracked() && x.is_contiguous() && x.body().offset == 0) continue;
    const Tensor own = empty(x.shape(), like(x), at);
    copy_(own, x);
    x = own;
  }
  Device device = default_device();
  if (!o.state.empty() && !o.state[0].state.empty()) device = o.state[0].state.begin()->second.device();
  if (!in.empty()) device = in[0].device();
  in.push_back(key.tensor(device, at));
  return in;
}

// `look` is asked before a checkpoint that comes unexpected, with the number of the next step.
Trained loop(const std::function<Tensor(int64_t, const Key&)>& step, const std::function<void(int64_t)>& look, const TrainOptions& o,
             const Key& key, Where at) {
  check(o, at);
  Trained run;
  if (!o.checkpoint.empty()) remove_abandoned(o.checkpoint);
  std::error_code unknown;
  if (!o.checkpoint.empty() && std::filesystem::exists(o.checkpoint, unknown))
    run.resumed = load_checkpoint(o.checkpoint, o.state, key, at);
  if (!o.checkpoint.empty()) check_checkpoint(o.checkpoint, o.state, key, at);  // not at the first one, hours later
  run.step = run.resumed;
  if (!o.log.empty()) remove_abandoned(o.log);
  std::optional<Log> log;
  if (!o.log.empty()) log.emplace(o.log, o.columns, run.step, at);
  std::optional<Interrupt> interrupt;
  std::optional<ProgressBar> bar;
  if (!o.progress) {
    interrupt.emplace();
    bar.emplace("train");
  }

  std::string note;
  int64_t seen = run.step;  // when the numbers were read last
  while (run.step < o.steps && !run.interrupted) {
    const Tensor result = step(run.step, key.fold(run.step));
    run.step += 1;
    const bool last = run.step == o.steps, log_now = run.step % o.log_every == 0;
    const double fraction = static_cast<double>(run.step) / static_cast<double>(o.steps);
    run.interrupted = (o.progress ? !o.progress(fraction) : interrupt->requested()) && !last;
    const bool keep = !o.checkpoint.empty() && (last || run.interrupted || run.step % o.checkpoint_every == 0);
    const bool show = o.observe && (last || run.step % o.observe_every == 0);
    std::vector<double> values;
    if (log_now || keep || show || last || run.step == run.resumed + 1) {
      values = numbers(result, run.step, seen, o, at);
      seen = run.step;
      if (!values.empty()) note = fmt::format("step {}  {} {:.4g}", run.step, o.columns[0], values[0]);
      if (log && log_now) log->row(run.step, values);
    }
    if (keep) {
      if (run.interrupted && look) look(run.step);
      if (log) log->sync();  // no checkpoint without the rows before it
      save_checkpoint(o.checkpoint, o.state, run.step, key, at);
    }
    if (show) {
      if (bar) bar->clear();
      o.observe(run.step, values);
    }
    if (bar) (*bar)(fraction, note);
  }
  return run;
}

}  // namespace

Trained train(const std::function<Tensor(int64_t, const Key&)>& step, const TrainOptions& o, const Key& key, Where at) {
  if (o.batch) throw Error(at, "train: `batch` is for a step of tensors, [](const Tensors& batch, const Key& key)");
  return loop(step, {}, o, key, at);
}

Trained train(const std::function<Tensor(const Tensors&, const Key&)>& step, const TrainOptions& o, const Key& key, Where at) {
  CompiledLoop compiled(
      [&](const Tensors& in) {
        const Tensor numbers = step({in.begin(), in.end() - 1}, Key(in.back()));
        return numbers.defined() ? Tensors{numbers.detach()} : Tensors{};
      },
      for_loop(o.steps, o.compile));
  const auto at_number = [&](int64_t i, const Key& k) {
    // No checkpoint and no end without a look at what was replayed, at two steps, because an epoch's last batch may be a shorter one.
    if (i + 2 >= o.steps || (!o.checkpoint.empty() && (i + 2) % o.checkpoint_every < 2)) compiled.audit_next();
    const Tensors out = compiled(arguments(i, o, k, at), at);
    return out.empty() ? Tensor() : out[0];
  };
  const auto look = [&](int64_t next) { compiled.audit(arguments(next, o, key.fold(next), at), at); };
  return loop(at_number, look, o, key, at);
}

}  // namespace scoregrad::nn
