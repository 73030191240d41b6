// NVRTC and the driver's modules: a program's text becomes a shared library by the host's compiler, whose bytes go about as the "cubin",
// so that caches in memory and on disk hold and check what they would hold and check on a GPU.
#include <dlfcn.h>
#include <elf.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <regex>
#include <sstream>
#include <unordered_map>
#include <vector>

#include <cuda.h>
#include <nvrtc.h>
#include "tests/cuda/emulated/device.h"

namespace fs = std::filesystem;

struct _nvrtcProgram {
  std::string text, name;
  std::vector<std::pair<std::string, std::string>> headers;  // name, text
  std::string log, binary;
};

struct CUfunc_st {
  emulated::Call* (*bind)(void** arguments);
  const void* kernel;
};

namespace {

constexpr const char* includes = "#include <device_language.h>\n";

std::string contents(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}
void write(const fs::path& file, const std::string& text) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << text;
}

/// For each kernel, named with its namespace, a function that takes its arguments as the driver does.
std::string binders(const std::string& text) {
  static const std::regex kernel(
      "namespace\\s+([\\w:]+)\\s*\\{|extern\\s+\"C\"\\s+__global__\\s+void\\s+(?:__launch_bounds__\\s*\\([^)]*\\)\\s*)?(\\w+)\\s*\\(");
  std::string out, inside;
  for (auto i = std::sregex_iterator(text.begin(), text.end(), kernel); i != std::sregex_iterator(); ++i) {
    if ((*i)[1].matched) {
      inside = (*i)[1].str() + "::";
      continue;
    }
    const std::string name = (*i)[2];
    out += "\nextern \"C\" emulated::Call* bind_" + name + "(void** at) { return emulated::bind(&" + inside + name + ", at); }";
  }
  return out + "\n";
}

std::string temporary(const char* name) {
  const char* parent = std::getenv("TMPDIR");
  return std::string(parent && *parent ? parent : "/tmp") + name;
}

std::string own_path() {
  Dl_info self;
  dladdr(reinterpret_cast<const void*>(&cuModuleLoadData), &self);
  return fs::canonical(self.dli_fname).string();
}

}  // namespace

extern "C" {

const char* nvrtcGetErrorString(nvrtcResult result) {
  return result == NVRTC_SUCCESS ? "NVRTC_SUCCESS" : result == NVRTC_ERROR_COMPILATION ? "NVRTC_ERROR_COMPILATION" : "another nvrtcResult";
}
nvrtcResult nvrtcVersion(int* major, int* minor) {
  *major = CUDART_VERSION / 1000;
  *minor = CUDART_VERSION % 1000 / 10;
  return NVRTC_SUCCESS;
}
nvrtcResult nvrtcGetNumSupportedArchs(int* count) { return *count = 3, NVRTC_SUCCESS; }
nvrtcResult nvrtcGetSupportedArchs(int* archs) {
  archs[0] = 75, archs[1] = 80, archs[2] = 90;
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char* text, const char* name, int headers, const char* const* header_texts,
                               const char* const* header_names) {
  *program = new _nvrtcProgram{text, name ? name : "program.cu", {}, {}, {}};
  for (int i = 0; i < headers; ++i) (*program)->headers.emplace_back(header_names[i], header_texts[i]);
  return NVRTC_SUCCESS;
}

nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int options, const char* const* option_texts) {
  bool separate = false;
  for (int i = 0; i < options; ++i) {
    const std::string option = option_texts[i];
    separate = separate || option == "--fmad=false" || option == "-fmad=false";
    if (option.empty() || option[0] != '-') return NVRTC_ERROR_INVALID_OPTION;
  }
  std::string folder = temporary("/emulated-XXXXXX");
  if (!mkdtemp(folder.data())) return NVRTC_ERROR_INVALID_INPUT;
  const fs::path at = folder, source = at / "program.cpp", library = at / "program.so", log = at / "log";
  for (const auto& [name, text] : program->headers) write(at / name, text);
  write(source, includes + ("#line 1 \"" + program->name + "\"\n") + program->text + binders(program->text));
  // Nothing of the system's is found, as by the real one, and contraction is the default that the option must switch off.
  const std::string command = std::string(SCOREGRAD_EMULATED_CXX) + " -std=c++17 -shared -fPIC -O1 -w -nostdinc -nostdinc++ -fno-rtti" +
                              " -fno-exceptions -fno-math-errno -ffp-contract=" + (separate ? "off" : "fast") +
                              " -fsanitize=alignment,bounds -fno-sanitize-recover -D__CUDACC__ -D__CUDACC_RTC__" +
                              " -D__CUDA_ARCH__=900 -I" + at.string() + " -I" + SCOREGRAD_EMULATED_TOOLKIT + " " + source.string() +
                              " -nostdlib " + own_path() + " -o " + library.string() + " >" + log.string() + " 2>&1";
  const int status = std::system(command.c_str());
  program->log = contents(log);
  program->binary = status == 0 ? contents(library) : "";
  std::error_code ignored;
  fs::remove_all(at, ignored);
  return status == 0 && !program->binary.empty() ? NVRTC_SUCCESS : NVRTC_ERROR_COMPILATION;
}

nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t* size) { return *size = program->log.size() + 1, NVRTC_SUCCESS; }
nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char* log) {
  std::memcpy(log, program->log.c_str(), program->log.size() + 1);
  return NVRTC_SUCCESS;
}
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t* size) { return *size = program->binary.size(), NVRTC_SUCCESS; }
nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char* bytes) {
  std::memcpy(bytes, program->binary.data(), program->binary.size());
  return NVRTC_SUCCESS;
}
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t* size) { return nvrtcGetCUBINSize(program, size); }
nvrtcResult nvrtcGetPTX(nvrtcProgram program, char* bytes) { return nvrtcGetCUBIN(program, bytes); }
nvrtcResult nvrtcDestroyProgram(nvrtcProgram* program) {
  delete *program;
  *program = nullptr;
  return NVRTC_SUCCESS;
}

CUresult cuModuleLoadData(CUmodule* module, const void* image) {
  if (const cudaError_t status = emulated::may_touch_device(); status != cudaSuccess) return static_cast<CUresult>(status);
  if (!emulated::take_overhead()) return CUDA_ERROR_OUT_OF_MEMORY;
  // As with a real cubin the size is the image's own business: an ELF file ends behind its table of sections.
  Elf64_Ehdr header;
  std::memcpy(&header, image, sizeof header);
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_type != ET_DYN) return CUDA_ERROR_INVALID_IMAGE;
  const size_t bytes = header.e_shoff + size_t{header.e_shentsize} * header.e_shnum;
  // A file of its own name: what was loaded under a name is not loaded again.
  std::string path = temporary("/kernel-XXXXXX");
  const int file = mkstemp(path.data());
  if (file < 0 || ::write(file, image, bytes) != static_cast<ssize_t>(bytes)) return CUDA_ERROR_INVALID_IMAGE;
  void* library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  close(file);
  unlink(path.c_str());
  if (!library) {
    std::fprintf(stderr, "emulated GPU: %s\n", dlerror());
    return CUDA_ERROR_INVALID_IMAGE;
  }
  *module = static_cast<CUmodule>(library);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction* function, CUmodule module, const char* name) {
  const void* kernel = dlsym(module, name);
  void* bind = dlsym(module, (std::string("bind_") + name).c_str());
  if (!kernel || !bind) return CUDA_ERROR_NOT_FOUND;
  *function = new CUfunc_st{reinterpret_cast<emulated::Call* (*)(void**)>(bind), kernel};
  return CUDA_SUCCESS;
}

CUresult cuModuleUnload(CUmodule module) {
  emulated::finish();
  emulated::give_overhead();
  return dlclose(module) == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuLaunchKernel(CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared,
                        CUstream stream, void** arguments, void**) {
  return static_cast<CUresult>(emulated::enqueue_kernel(f->bind(arguments), f->kernel, {gx, gy, gz}, {bx, by, bz}, shared, stream));
}

CUresult cuGetErrorString(CUresult status, const char** text) {
  *text = cudaGetErrorString(static_cast<cudaError_t>(status));
  return CUDA_SUCCESS;
}

}  // extern "C"
