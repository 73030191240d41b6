// The loss without the bias from samples, an encoder and a network alone: the encoder of 06_decomposition again, but now its law is
// unknown.
#include <scoregrad.h>

#include <fmt/format.h>
namespace sg = scoregrad;

int main() {
  const sg::Options wide{sg::float64};
  const sg::Tensor phi = sg::scalar(0.8, wide).requires_grad();
  const sg::losses::SampledEncoder setup{.sample =
                                             [&](int64_t n, const sg::Key& key) {
                                               return sg::normal({n, 1}, key, wide);
                                             },                                                   // rows of your data
                                         .encode = [&](const sg::Tensor& x) { return phi * x; },  // your encoder
                                         .tau = 0.5};
  const auto score = [](const sg::Tensor& xt, const sg::Tensor& c) { return -0.6 * xt + 0.4 * c; };  // your network

  const sg::losses::Population population = sg::losses::population(setup, {.alpha = 1, .sigma = 0.7});
  const sg::losses::estimate_c2::LeaveOneIn c2_of{256};
  double dsm = 0, corrected = 0;
  const int batches = 100;
  for (int i = 0; i < batches; ++i) {
    const sg::Key key = sg::Key(1).fold(i);
    const sg::losses::Rows rows = population.draw(256, key.fold("rows"));
    const sg::Tensor s = score(rows.xt, rows.c), c2 = c2_of(population, rows, key.fold("others"));
    dsm += sg::grad(sg::mean(sg::losses::dsm(s, rows.eps, 0.7)), phi).item() / batches;
    corrected += sg::grad(sg::mean(sg::losses::corrected(s, rows, c2)), phi).item() / batches;
  }
  fmt::print("d/d phi        from samples   exact\n");
  fmt::print("DSM            {:12.2f}  -0.112\n", dsm);
  fmt::print("DSM + C2 - C3  {:12.2f}   0.313 of ESM\n", corrected);
  return dsm < 0 && corrected > 0.25 && corrected < 0.38 ? 0 : 1;
}
