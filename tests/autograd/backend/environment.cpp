#include "autograd/backend/environment.h"

#include <cstdlib>

#include "tests/message.h"

using namespace scoregrad;

TEST_CASE("variables that nobody reads and values that nobody knows are named, each once") {
  for (const char* name : {"SCOREGRAD_DEVICE", "SCOREGRAD_COMPILE", "SCOREGRAD_CUDA_SYNC"}) unsetenv(name);
  const size_t before = environment_faults().size();
  setenv("SCOREGRAD_COMPILE", "log", 1);
  setenv("SCOREGRAD_DEVICE", "", 1);  // as good as not set
  setenv("SCOREGRAD_EMULATED_WHATEVER", "7", 1);
  CHECK(environment_faults().size() == before);
  CHECK(environment_choice("SCOREGRAD_COMPILE") == "log");
  CHECK(environment_choice("SCOREGRAD_CUDA_SYNC").empty());
  setenv("SCOREGRAD_COMPILE", "maybe", 1);
  CHECK(contains(message_of([] { environment_choice("SCOREGRAD_COMPILE"); }), "SCOREGRAD_COMPILE=maybe: there are on off log"));
  setenv("SCOREGRAD_COMPLE", "off", 1);
  setenv("SCOREGRAD_CUDA_SYNC", "yes", 1);
  std::string all;
  for (const std::string& fault : environment_faults()) all += fault + "\n";
  CHECK(environment_faults().size() == before + 3);
  CHECK(all.find("SCOREGRAD_COMPILE=maybe: there are on off log\n") != std::string::npos);
  CHECK(all.find("SCOREGRAD_COMPLE=off: nothing reads a variable of this name\n") != std::string::npos);
  CHECK(all.find("SCOREGRAD_CUDA_SYNC=yes: there are 0 1\n") != std::string::npos);
  for (const char* name :
       {"SCOREGRAD_DEVICE", "SCOREGRAD_COMPILE", "SCOREGRAD_COMPLE", "SCOREGRAD_CUDA_SYNC", "SCOREGRAD_EMULATED_WHATEVER"})
    unsetenv(name);
}
