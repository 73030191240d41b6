#include "nn/state.h"

#include "autograd/graph/gradient.h"
#include "nn/ema.h"
#include "nn/lbfgs.h"
#include "nn/mlp.h"
#include "tests/catch.h"
#include "tests/close.h"
#include "tests/message.h"
#include "tests/scratch.h"

using namespace scoregrad;

namespace {

struct Twice {
  Tensor a, b;
  static void fields(auto& m, auto visit) {
    visit("same", m.a);
    visit("same", m.b);
  }
};

}  // namespace

TEST_CASE("a module comes back from its file, and keeps its identity") {
  const ScratchFile file("net.safetensors");
  const nn::MLP net({3, 5, 2}, nn::silu, Key(1)), other({3, 5, 2}, nn::silu, Key(2));
  const Tensor x = normal({4, 3}, Key(3));
  const Tensors parameters = nn::parameters(other);
  nn::save(net, file.path());
  CHECK(apart(other(x).detach(), net(x).detach()) > 0.01);
  nn::load(other, file.path());
  CHECK(apart(other(x).detach(), net(x).detach()) == 0);
  CHECK(nn::parameters(other)[0].node() == parameters[0].node());  // the optimiser's handles still hold
  CHECK(load_safetensors(file.path()).count("layers.1.bias") == 1);
}

TEST_CASE("a file that does not fit changes nothing, and every misfit is named") {
  const ScratchFile file("net.safetensors");
  nn::save(nn::MLP({3, 5, 2}, nn::silu, Key(1)), file.path());
  const nn::MLP wide({3, 6, 2}, nn::silu, Key(2)), deep({3, 5, 2, 1}, nn::silu, Key(2)), fine({3, 5, 2}, nn::silu, Key(2), {float64});
  const Tensor last = clone(wide.layers[1].bias).detach();
  const std::string text = message_of([&] { nn::load(wide, file.path()); });
  CHECK(contains(text, "load: '" + file.path() + "' does not fit, nothing was changed"));
  CHECK(contains(text, "'layers.0.weight' is float32 [5, 3] in the file, float32 [6, 3] here"));
  CHECK(contains(text, "'layers.0.bias'"));
  CHECK(apart(wide.layers[1].bias.detach(), last) == 0);  // it would have fitted
  CHECK(contains(message_of([&] { nn::load(deep, file.path()); }), "'layers.2.weight' is missing"));
  CHECK(contains(message_of([&] { nn::load(nn::MLP({3, 5}, nn::silu, Key(2)), file.path()); }), "'layers.1.bias' is in the file only"));
  CHECK(contains(message_of([&] { nn::load(fine, file.path()); }), "float64 [5, 3] here"));
  CHECK(contains(message_of([&] { nn::load(nn::MLP({1, 2, 3, 4, 5, 6, 7, 8}, nn::silu, Key(2)), file.path()); }), "more"));
}

TEST_CASE("a tensor that the file has, but of a kind that was not read, is told with the reason") {
  const std::string header = R"({"weight":{"dtype":"C64","shape":[1],"data_offsets":[0,8]}})";
  const ScratchFile file("complex.safetensors", static_cast<char>(header.size()) + std::string(7, '\0') + header + std::string(8, '\0'));
  const std::string text = message_of([&] { nn::load(nn::Linear(ones({1, 1}), {}), file.path()); });
  CHECK(contains(text, "'weight' was not read: elements of C64 are not supported"));
  CHECK(contains(message_of([&] { nn::load(nn::Linear(ones({1, 1}), ones({1})), file.path()); }), "'bias' is missing"));
}

TEST_CASE("a module without some of its tensors is saved without them, two of one name are refused") {
  const ScratchFile file("bare.safetensors");
  nn::save(nn::Linear(ones({2, 2}), {}), file.path());
  CHECK(load_safetensors(file.path()).size() == 1);
  CHECK(contains(message_of([&] { nn::save(Twice{ones({1}), ones({1})}, file.path()); }), "two tensors are called 'same'"));
}

// Two runs over the same gradients, one through a file half-way.
template <class Make>
double apart_after_a_pause(Make make) {
  const ScratchFile file("optimiser.safetensors");
  const auto run = [&](bool pause) {
    const Tensor p = from({1, -2, 3}, {.dtype = float64}).requires_grad();
    auto optimiser = make(Tensors{p});
    for (int i = 0; i < 6; ++i) {
      if (pause && i == 3) {
        nn::save(optimiser, file.path());
        optimiser = make(Tensors{p});
        nn::load(optimiser, file.path());
      }
      const auto loss = [&] { return sum(square(square(p) - from({1, 2, 3}, {.dtype = float64}))); };
      if constexpr (requires { optimiser.step(loss); })
        optimiser.step(loss);
      else
        optimiser.step(grad(loss(), Tensors{p}));
    }
    return p.detach();
  };
  return apart(run(true), run(false));
}

TEST_CASE("every optimiser goes on from its saved state as if it had never stopped") {
  const nn::Rate falling = nn::schedule::warm_up(2, nn::schedule::cosine(0.01, 6));
  CHECK(apart_after_a_pause([&](const Tensors& p) { return nn::SGD(p, {.rate = falling, .momentum = 0.9, .nesterov = true}); }) == 0);
  CHECK(apart_after_a_pause([&](const Tensors& p) { return nn::Adam(p, {.rate = falling}); }) == 0);
  CHECK(apart_after_a_pause([&](const Tensors& p) { return nn::AdamW(p, {.rate = falling}); }) == 0);
  CHECK(apart_after_a_pause([&](const Tensors& p) { return nn::RMSprop(p, {.rate = falling, .momentum = 0.5, .centred = true}); }) == 0);
  CHECK(apart_after_a_pause([&](const Tensors& p) { return nn::LBFGS(p, {.iterations = 1, .history = 2}); }) == 0);
}

TEST_CASE("an average goes on from its saved state") {
  const ScratchFile file("ema.safetensors");
  const Tensor p = from({1.0}).requires_grad();
  nn::EMA a({p}), b({p});
  a.update();
  a.update();
  nn::save(a, file.path());
  nn::load(b, file.path());
  CHECK(b.values()[0].item() == a.values()[0].item());
}
