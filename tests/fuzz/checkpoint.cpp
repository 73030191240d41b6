#include "nn/checkpoint.h"

#include "nn/linear.h"
#include "nn/optimiser.h"
#include "tests/fuzz/reader.h"

using namespace scoregrad;

namespace {

const Key key(3);
struct Run {
  nn::Linear net{1, 1, Key(1)};
  nn::Adam adam{nn::parameters(net)};
  std::vector<nn::Part> parts{{"net", net}, {"adam", adam}};
};

}  // namespace

std::vector<std::string> seeds() {
  const Run run;
  return {made([&](const std::string& path) { nn::save_checkpoint(path, run.parts, 7, key); })};
}

// A file that is refused must have changed nothing.
void read(const std::string& path) {
  static const Run run;
  const NoGrad guard;
  fill_(run.net.weight, 0.5);
  fill_(run.net.bias, 0.5);
  try {
    nn::load_checkpoint(path, run.parts, key);
  } catch (const Error&) {
    if (run.net.weight.item() != 0.5 || run.net.bias.item() != 0.5) std::abort();
    throw;
  }
}
