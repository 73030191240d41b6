// float32 convolutions by oneDNN, in its own blocked layouts. Images are dealt out in pieces by shape alone, and every primitive is made
// for one thread and run on one: with threads of its own its sums would depend on their number.
#include "cpu/convolution.h"
#include "scoregrad/config.h"

#if SCOREGRAD_HAVE_ONEDNN
#include <dnnl.hpp>

#include <algorithm>
#include <array>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "cpu/memory.h"
#include "cpu/threads.h"

// Weak, because oneDNN may bring an OpenMP along that this library was not built with.
extern "C" int omp_get_max_threads() __attribute__((weak));
extern "C" void omp_set_num_threads(int) __attribute__((weak));

namespace scoregrad::on_cpu {

namespace {

using dnnl::memory;
using Part = ConvolutionPart;

constexpr double piece_flops = 3e7, flops_per_ns = 80;
constexpr double least_flops = 2e5;  // less is done by the time oneDNN has turned its operands
constexpr int64_t most_sums = 16;    // pieces of the gradient of the weights, each of which needs a sum of its own

/// While alive, oneDNN takes the machine to have one thread.
class OneThread {
 public:
  OneThread() : before_(omp_get_max_threads && omp_set_num_threads ? omp_get_max_threads() : 1) {
    if (before_ > 1) omp_set_num_threads(1);
  }
  ~OneThread() {
    if (before_ > 1) omp_set_num_threads(before_);
  }
  OneThread(const OneThread&) = delete;
  OneThread& operator=(const OneThread&) = delete;

 private:
  int before_;
};

const dnnl::engine& engine() {
  static const auto& e = *new dnnl::engine(dnnl::engine::kind::cpu, 0);  // outlives every thread that may still compute
  return e;
}

/// One array of a convolution: as it lies in memory and as oneDNN wants it.
struct Role {
  int argument = 0;
  memory::desc outside, inside;
  dnnl::reorder turn;  // operands from outside to inside, the result back
  bool turns = false;

  void prepare(int arg, const memory::desc& plain, const memory::desc& wanted, bool result) {
    argument = arg, outside = plain, inside = wanted, turns = plain != wanted;
    if (turns) turn = dnnl::reorder(result ? reorder_of(inside, outside) : reorder_of(outside, inside));
  }
  int64_t floats() const { return turns ? static_cast<int64_t>(inside.get_size() + 3) / 4 : 0; }
  void run_turn(dnnl::stream& stream, const float* from, float* to, bool result) const {
    memory a(result ? inside : outside, engine(), const_cast<float*>(from)), b(result ? outside : inside, engine(), to);
    turn.execute(stream, a, b);
  }

 private:
  static dnnl::reorder::primitive_desc reorder_of(const memory::desc& from, const memory::desc& to) {
    return {engine(), from, engine(), to};
  }
};

/// One part of a convolution of `images` images, for one thread.
class Plan {
 public:
  Plan(Part part, const ConvolutionSizes& s, int64_t images);
  bool usable() const { return usable_; }
  /// The weights as oneDNN wants them, in a buffer of `weights().floats()`.
  const Role& weights() const { return b_; }
  /// b lies as oneDNN wants it where `b_inside` says so.
  void compute(float* out, const float* a, const float* b, bool b_inside) const {
    const OneThread alone;
    dnnl::stream stream(engine());
    Scratch<float> a_room(a_.floats()), b_room(b_inside ? 0 : b_.floats()), out_room(out_.floats()), work(work_floats_);
    const auto turned = [&](const Role& role, const float* data, Scratch<float>& room) {
      if (!role.turns) return data;
      role.run_turn(stream, data, room.data(), false);
      return static_cast<const float*>(room.data());
    };
    const float* const left = turned(a_, a, a_room);
    const float* const right = b_inside ? b : turned(b_, b, b_room);
    float* const result = out_.turns ? out_room.data() : out;
    const auto at = [](const Role& role, const float* data) { return memory(role.inside, engine(), const_cast<float*>(data)); };
    primitive_.execute(stream, {{a_.argument, at(a_, left)},
                                {b_.argument, at(b_, right)},
                                {out_.argument, at(out_, result)},
                                {DNNL_ARG_SCRATCHPAD, memory(work_, engine(), work.data())}});
    if (out_.turns) out_.run_turn(stream, result, out, true);
    stream.wait();
  }

 private:
  template <class Description>
  void adopt(const Description& d, const memory::desc& scratchpad) {
    work_ = scratchpad;
    work_floats_ = static_cast<int64_t>(work_.get_size() + 3) / 4;
    primitive_ = dnnl::primitive(d);
    usable_ = std::string(d.impl_info_str()).find("ref") == std::string::npos;  // ours is faster than its reference
  }

  bool usable_ = false;
  dnnl::primitive primitive_;
  Role a_, b_, out_;
  memory::desc work_;
  int64_t work_floats_ = 0;
};

Plan::Plan(Part part, const ConvolutionSizes& s, int64_t images) {
  const OneThread alone;
  memory::dims stride, dilation, before, after;
  for (int i = 0; i < 2; ++i) {
    const int64_t reach = s.dilation[i] * (s.k[i] - 1) + 1, room = s.x[i] + s.before[i] - reach;
    stride.push_back(s.stride[i]);
    dilation.push_back(s.dilation[i] - 1);
    before.push_back(s.before[i]);
    after.push_back(std::max<int64_t>(0, (s.y[i] - 1) * s.stride[i] - room));
    if ((room + after.back()) / s.stride[i] + 1 != s.y[i]) return;  // more of x is left over than oneDNN can be told
  }
  const auto f32 = memory::data_type::f32;
  const auto any = memory::format_tag::any;
  const memory::dims xd{images, s.c, s.x[0], s.x[1]}, yd{images, s.o, s.y[0], s.y[1]};
  const memory::dims wd =
      s.groups == 1 ? memory::dims{s.o, s.c, s.k[0], s.k[1]} : memory::dims{s.groups, s.outputs(), s.inputs(), s.k[0], s.k[1]};
  const memory::desc x(xd, f32, any), w(wd, f32, any), y(yd, f32, any);
  const memory::desc px(xd, f32, memory::format_tag::nchw), py(yd, f32, memory::format_tag::nchw);
  const memory::desc pw(wd, f32, s.groups == 1 ? memory::format_tag::oihw : memory::format_tag::goihw);
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  const auto direct = dnnl::algorithm::convolution_direct;
  using Forward = dnnl::convolution_forward;
  using Input = dnnl::convolution_backward_data;
  using Weight = dnnl::convolution_backward_weights;
  const auto training = dnnl::prop_kind::forward_training;
#if DNNL_VERSION_MAJOR >= 3
  const Forward::primitive_desc forward(engine(), training, direct, x, w, y, stride, dilation, before, after, attributes);
#else
  const Forward::primitive_desc forward({training, direct, x, w, y, stride, dilation, before, after}, attributes, engine());
#endif
  if (part == Part::forward) {
    adopt(forward, forward.scratchpad_desc());
    a_.prepare(DNNL_ARG_SRC, px, forward.src_desc(), false);
    b_.prepare(DNNL_ARG_WEIGHTS, pw, forward.weights_desc(), false);
    out_.prepare(DNNL_ARG_DST, py, forward.dst_desc(), true);
  } else if (part == Part::input) {
#if DNNL_VERSION_MAJOR >= 3
    const Input::primitive_desc d(engine(), direct, x, w, y, stride, dilation, before, after, forward, attributes);
#else
    const Input::primitive_desc d({direct, x, w, y, stride, dilation, before, after}, attributes, engine(), forward);
#endif
    adopt(d, d.scratchpad_desc());
    a_.prepare(DNNL_ARG_DIFF_DST, py, d.diff_dst_desc(), false);
    b_.prepare(DNNL_ARG_WEIGHTS, pw, d.weights_desc(), false);
    out_.prepare(DNNL_ARG_DIFF_SRC, px, d.diff_src_desc(), true);
  } else {
#if DNNL_VERSION_MAJOR >= 3
    const Weight::primitive_desc d(engine(), direct, x, w, y, stride, dilation, before, after, forward, attributes);
#else
    const Weight::primitive_desc d({direct, x, w, y, stride, dilation, before, after}, attributes, engine(), forward);
#endif
    adopt(d, d.scratchpad_desc());
    a_.prepare(DNNL_ARG_SRC, px, d.src_desc(), false);
    b_.prepare(DNNL_ARG_DIFF_DST, py, d.diff_dst_desc(), false);
    out_.prepare(DNNL_ARG_DIFF_WEIGHTS, pw, d.diff_weights_desc(), true);
  }
}

/// The plan for these extents, made once; null where oneDNN does not serve them.
std::shared_ptr<const Plan> plan_of(Part part, const ConvolutionSizes& s, int64_t images) {
  using Key = std::array<int64_t, 17>;
  static auto& lock = *new std::mutex;
  static auto& plans = *new std::map<Key, std::shared_ptr<const Plan>>;
  constexpr size_t most = 512;
  const Key key{static_cast<int64_t>(part),
                images,
                s.c,
                s.o,
                s.groups,
                s.x[0],
                s.x[1],
                s.k[0],
                s.k[1],
                s.y[0],
                s.y[1],
                s.stride[0],
                s.stride[1],
                s.before[0],
                s.before[1],
                s.dilation[0],
                s.dilation[1]};
  const std::lock_guard<std::mutex> guard(lock);
  if (const auto found = plans.find(key); found != plans.end()) return found->second;
  std::shared_ptr<const Plan> plan;
  try {
    plan = std::make_shared<const Plan>(part, s, images);
    if (!plan->usable()) plan = nullptr;
  } catch (const dnnl::error&) {  // it has no such convolution
  } catch (const std::bad_alloc&) {
    throw Error({}, "convolution: out of memory in oneDNN");
  }
  if (plans.size() >= most) plans.clear();
  plans.emplace(key, plan);
  return plan;
}

/// The images in one piece.
int64_t piece(Part part, const ConvolutionSizes& s) {
  auto images = static_cast<int64_t>(std::clamp(piece_flops / s.flops(), 1.0, static_cast<double>(s.n)));
  if (part == Part::weight) images = std::max(images, (s.n + most_sums - 1) / most_sums);
  return images;
}

}  // namespace

bool onednn_convolution(ConvolutionPart part, float* out, const float* a, const float* b, const ConvolutionSizes& s) {
  const double flops = s.flops() * static_cast<double>(s.n);
  if (flops < least_flops) return false;
  if (space_is_limited.load(std::memory_order_relaxed)) demand_space("oneDNN", int64_t{64} << 20);
  const int64_t grain = piece(part, s), pieces = (s.n + grain - 1) / grain, rest = s.n - (pieces - 1) * grain;
  const auto whole = plan_of(part, s, grain), last = rest == grain ? whole : plan_of(part, s, rest);
  if (!whole || !last) return false;

  const int64_t x_step = s.c * s.x_area(), y_step = s.o * s.y_area(), weights = s.o * s.inputs() * s.window();
  Failure failure;
  try {
    if (part == ConvolutionPart::weight) {
      Scratch<float> partial((pieces - 1) * weights);
      parallel_for(pieces, flops / flops_per_ns, [&](int64_t i) {
        float* sum = i == 0 ? out : partial.data() + (i - 1) * weights;
        const Plan& plan = i + 1 < pieces ? *whole : *last;
        failure.guard([&] { plan.compute(sum, a + i * grain * x_step, b + i * grain * y_step, false); });
      });
      failure.rethrow();
      for (int64_t p = 0; p + 1 < pieces; ++p)
        for (int64_t i = 0; i < weights; ++i) out[i] += partial[p * weights + i];
      return true;
    }
    // The weights are turned once for all pieces.
    const Plan* const plans[2] = {whole.get(), last.get()};
    Scratch<float> rooms[2] = {Scratch<float>(whole->weights().floats()), Scratch<float>(whole == last ? 0 : last->weights().floats())};
    const float* turned[2] = {b, b};
    {
      const OneThread alone;
      dnnl::stream stream(engine());
      for (int k = 0; k < 2; ++k) {
        if (!rooms[k].data()) continue;
        plans[k]->weights().run_turn(stream, b, rooms[k].data(), false);
        turned[k] = rooms[k].data();
      }
      stream.wait();
    }
    if (whole == last) turned[1] = turned[0];
    const int64_t a_step = part == ConvolutionPart::forward ? x_step : y_step,
                  out_step = part == ConvolutionPart::forward ? y_step : x_step;
    parallel_for(pieces, flops / flops_per_ns, [&](int64_t i) {
      const int k = i + 1 < pieces ? 0 : 1;
      failure.guard([&] { plans[k]->compute(out + i * grain * out_step, a + i * grain * a_step, turned[k], true); });
    });
    failure.rethrow();
  } catch (const dnnl::error& e) {
    throw Error({}, std::string("convolution: oneDNN failed: ") + e.what());
  }
  return true;
}

}  // namespace scoregrad::on_cpu

#else

namespace scoregrad::on_cpu {

bool onednn_convolution(ConvolutionPart, float*, const float*, const float*, const ConvolutionSizes&) { return false; }

}  // namespace scoregrad::on_cpu

#endif
