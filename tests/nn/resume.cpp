// A training run in a process of its own that is killed at random moments and started again ends with the same bytes as one that never
// stopped. SCOREGRAD_KILLS says how often; the child is this program, told by an environment variable what to do.
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>

#include "autograd/graph/gradient.h"
#include "nn/ema.h"
#include "nn/mlp.h"
#include "nn/optimiser.h"
#include "nn/train.h"
#include "tests/catch.h"
#include "tests/scratch.h"

extern char** environ;

using namespace scoregrad;
namespace fs = std::filesystem;

namespace {

constexpr const char* variable = "SCOREGRAD_RESUME_IN";
constexpr const char* child_name = "the run that is killed";

// Everything that a run may have: shuffled data, noise, a schedule, two moments, an average, a log.
void run_in(const fs::path& folder) {
  const Key key(5);
  const Tensor x = normal({100, 2}, key.fold("data"));
  const nn::MLP net({3, 24, 2}, nn::silu, key.fold("net"));
  const Tensors parameters = nn::parameters(net);
  nn::AdamW adam(parameters, {.rate = nn::schedule::warm_up(50, nn::schedule::cosine(3e-3, 150))});
  nn::EMA ema(parameters, {.decay = 0.99});
  nn::Loader loader({x}, {.batch = 32}, key.fold("loader"));
  const auto step = [&](const Tensors& batch, const Key& k) {
    const Tensor rows = batch[0], eps = normal(rows.shape(), k.fold("eps")), sigma = 0.1 + uniform({rows.extent(0), 1}, k.fold("sigma"));
    const Tensor loss = mean(square(net(concat({rows + sigma * eps, sigma}, 1)) + eps));
    adam.step(nn::clipped(grad(loss, parameters), 1));
    ema.update();
    return loss;
  };
  nn::train(step,
            {.steps = 150,
             .state = {{"net", net}, {"adam", adam}, {"ema", ema}},
             .checkpoint = (folder / "run.safetensors").string(),
             .checkpoint_every = 3,
             .log = (folder / "run.csv").string(),
             .log_every = 2,
             .batch = [&](int64_t i) { return loader.batch(i); }},
            key.fold("run"));
}

pid_t start(const fs::path& folder) {
  setenv(variable, folder.c_str(), 1);
  const std::string program = fs::read_symlink("/proc/self/exe").string();
  std::string name = child_name, self = program;
  char* arguments[] = {self.data(), name.data(), nullptr};
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = 0;
  const int failed = posix_spawn(&child, program.c_str(), &files, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&files);
  unsetenv(variable);
  REQUIRE(failed == 0);
  return child;
}
// True if the child ended by itself, false if it was killed.
bool ended(pid_t child) {
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  if (WIFSIGNALED(status)) {
    REQUIRE(WTERMSIG(status) == SIGKILL);
    return false;
  }
  REQUIRE(WEXITSTATUS(status) == 0);
  return true;
}
std::string bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
}

struct Folder {
  fs::path path;
  explicit Folder(const char* name) : path(fs::temp_directory_path() / ("scoregrad-" + std::to_string(getpid()) + "-" + name)) { clear(); }
  ~Folder() { fs::remove_all(path); }
  void clear() const {
    fs::remove_all(path);
    fs::create_directories(path);
  }
  std::string all() const { return bytes_of(path / "run.safetensors") + bytes_of(path / "run.csv"); }
};

}  // namespace

TEST_CASE(child_name, "[.]") {
  if (const char* folder = std::getenv(variable)) run_in(folder);
}

TEST_CASE("a run killed at random moments and resumed ends with the same bytes as one never stopped") {
  using Clock = std::chrono::steady_clock;
  const char* wanted = std::getenv("SCOREGRAD_KILLS");
  const int kills = wanted ? std::atoi(wanted) : 8;
  REQUIRE(kills > 0);
  const Folder whole("whole"), broken("broken");
  const Clock::time_point begin = Clock::now();
  REQUIRE(ended(start(whole.path)));
  const double length = std::chrono::duration<double>(Clock::now() - begin).count();
  REQUIRE(whole.all().size() > 1000);

  // Each start gets a random share of a whole run's time. A run that ends before its kill is compared, and another one begun.
  std::mt19937 random(7);
  std::uniform_real_distribution<double> moment(0, length);
  int killed = 0, finished = 0, resumed = 0, in_a_write = 0;
  for (int starts = 0; killed < kills; ++starts) {
    REQUIRE(starts < 20 * kills);
    resumed += fs::exists(broken.path / "run.safetensors");
    const pid_t child = start(broken.path);
    std::this_thread::sleep_for(std::chrono::duration<double>(moment(random)));
    kill(child, SIGKILL);
    if (!ended(child)) {
      ++killed;
      for (const auto& file : fs::directory_iterator(broken.path)) in_a_write += file.path().extension() == ".tmp";
    } else {
      ++finished;
      CHECK((broken.all() == whole.all()));
      broken.clear();
    }
  }
  REQUIRE(ended(start(broken.path)));
  CHECK((broken.all() == whole.all()));
  CHECK(resumed > 0);
  CHECK(std::distance(fs::directory_iterator(broken.path), {}) == 2);  // what killed writers left is gone
  WARN(killed << " kills, " << in_a_write << " half-written files seen, " << resumed << " resumed, " << finished + 1
              << " runs compared, a run takes " << length << " s");
}
