// What compile() makes of a training step, pass by pass: denoising score matching of a small network at one noise level, with Adam.
#include <scoregrad.h>
#include <scoregrad/fmt.h>

#include <algorithm>
#include <set>
#include <sstream>
namespace sg = scoregrad;

// The lines of a list, single-spaced, as columns differ from list to list.
std::vector<std::string> lines(const std::string& list) {
  std::vector<std::string> out;
  std::istringstream in(list);
  for (std::string line; std::getline(in, line);) {
    std::istringstream words(line);
    std::string& text = out.emplace_back();
    for (std::string word; words >> word;) text += (text.empty() ? "" : " ") + word;
  }
  out.pop_back();  // what it returns
  return out;
}

int main() {
  const sg::Key key(1);
  const sg::nn::MLP net({2, 64, 2}, sg::nn::silu, key.fold("net"));
  const sg::Tensors theta = sg::nn::parameters(net);
  sg::nn::Adam adam(theta, {.rate = 0.01});
  auto step = sg::compile([&](const sg::Tensor& x, const sg::Tensor& words) {
    const sg::Tensor eps = sg::normal(x.shape(), sg::Key(words));
    const sg::Tensor loss = sg::mean(sg::losses::dsm(net(x + 0.5 * eps), eps, 0.5));
    adam.step(sg::grad(loss, theta));
    return loss.detach();
  });
  for (int i = 0; i < 3; ++i) step(sg::normal({4096, 2}, key.fold(i)), key.fold(i).tensor());
  const auto show = [&](sg::Pass pass) { return step.step().show(pass); };

  const std::vector<std::string> recorded = lines(show(sg::Pass::recorded)), merged = lines(show(sg::Pass::merged)),
                                 folded = lines(show(sg::Pass::folded)), fused = lines(show(sg::Pass::fused));
  fmt::print("recorded: {} calls\n{}\n", recorded.size(), show(sg::Pass::recorded));
  fmt::print("merged: {} calls; gone or changed are\n", merged.size());
  const std::set<std::string> left(merged.begin(), merged.end());
  for (const std::string& line : recorded)
    if (!left.count(line)) fmt::print("     {}\n", line);
  fmt::print("\nfolded: {} calls, of which once\n", folded.size());
  for (const std::string& line : folded)
    if (line.starts_with("once")) fmt::print("{}\n", line);
  fmt::print("\nfused: {} calls\n", fused.size());
  for (const std::string& line : fused) fmt::print("{}{}\n", line.starts_with("once") ? "" : "     ", line);
  fmt::print("\nblocked:\n");
  std::istringstream blocked(show(sg::Pass::blocked));
  for (std::string line; std::getline(blocked, line);)
    if (line.starts_with("     for") || line.starts_with("       "))
      fmt::print("{}{}\n", line.substr(0, line.find_first_not_of(' ')), lines(line + "\n\n")[0]);
  fmt::print("\nplanned: {} bytes in one arena\n", step.step().held_bytes());
}
