#include <algorithm>
#include <cmath>

#include "autograd/compile/loop.h"
#include "losses/expectation.h"

namespace scoregrad::losses {
namespace {

// The mean of blocks of various sizes and its standard error. Sizes count relative to the first one's.
class Moments {
 public:
  void add(const Numbers& x, double size) {
    if (mean_.empty()) mean_.resize(x.size()), scatter_.resize(x.size()), unit_ = size;
    const double share = size / unit_;
    ++count_, sizes_ += share;
    for (size_t i = 0; i < x.size(); ++i) {
      const double off = x[i] - mean_[i];
      mean_[i] += off / (sizes_ / share);
      scatter_[i] += share * off * (x[i] - mean_[i]);
    }
  }
  const Numbers& mean() const { return mean_; }
  Numbers error() const {
    Numbers out = scatter_;
    for (double& e : out) e = std::sqrt(e / (std::max(1, count_ - 1) * sizes_));
    return out;
  }

 private:
  int count_ = 0;
  double unit_ = 1, sizes_ = 0;
  Numbers mean_, scatter_;
};

}  // namespace

Expectation over_samples(const Population& p, const OfRows& f, const DecomposeOptions& o, const Key& key, Where at) {
  // Enough blocks that their scatter tells the error; the first ones have one sample more if they cannot be equal.
  const int64_t room = std::max<int64_t>(1, o.block / p.strata);
  const int64_t blocks = std::max((o.samples + room - 1) / room, std::min<int64_t>(64, o.samples));
  CompiledLoop step(
      [&](const Tensors& in) {  // the words of a key, and as many numbers as samples are wanted
        const Key here(in[0]);
        return f(p.stratified(in[1].extent(0), here.fold("rows")), here.fold("trace"));
      },
      for_loop(blocks, o.compile));
  Expectation out;
  Moments moments;
  while (out.blocks < blocks) {
    const int64_t n = o.samples / blocks + (out.blocks < o.samples % blocks);
    if (out.blocks + 1 == blocks) step.audit_next();
    const Tensor words = key.fold(out.blocks).tensor(p.options.device, at);
    moments.add(Ledger::read(step({words, zeros({n}, p.options)}, at)), static_cast<double>(n));
    ++out.blocks, out.samples += n;
    if (o.progress && !o.progress(static_cast<double>(out.samples) / static_cast<double>(o.samples))) break;
  }
  out.mean = moments.mean(), out.error = moments.error();
  return out;
}

}  // namespace scoregrad::losses
