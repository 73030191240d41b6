// The run-time compiler's interface as far as this project uses it. Its "cubin" is a shared library made by the host's compiler.
#pragma once
#include <cstddef>

enum nvrtcResult { NVRTC_SUCCESS = 0, NVRTC_ERROR_INVALID_INPUT = 3, NVRTC_ERROR_INVALID_OPTION = 5, NVRTC_ERROR_COMPILATION = 6 };
struct _nvrtcProgram;
using nvrtcProgram = _nvrtcProgram*;

#pragma GCC visibility push(default)
extern "C" {
const char* nvrtcGetErrorString(nvrtcResult result);
nvrtcResult nvrtcVersion(int* major, int* minor);
nvrtcResult nvrtcGetNumSupportedArchs(int* count);
nvrtcResult nvrtcGetSupportedArchs(int* archs);
nvrtcResult nvrtcCreateProgram(nvrtcProgram* program, const char* text, const char* name, int headers, const char* const* header_texts,
                               const char* const* header_names);
nvrtcResult nvrtcCompileProgram(nvrtcProgram program, int options, const char* const* option_texts);
nvrtcResult nvrtcGetProgramLogSize(nvrtcProgram program, size_t* size);
nvrtcResult nvrtcGetProgramLog(nvrtcProgram program, char* log);
nvrtcResult nvrtcGetCUBINSize(nvrtcProgram program, size_t* size);
nvrtcResult nvrtcGetCUBIN(nvrtcProgram program, char* bytes);
nvrtcResult nvrtcGetPTXSize(nvrtcProgram program, size_t* size);
nvrtcResult nvrtcGetPTX(nvrtcProgram program, char* bytes);
nvrtcResult nvrtcDestroyProgram(nvrtcProgram* program);
}
#pragma GCC visibility pop
