// What ptxas says in a cubin about each of its kernels.
#pragma once
#include <elf.h>

#include <cstring>
#include <map>
#include <string>
#include <vector>

namespace scoregrad::generated {

/// What a thread takes: registers, and bytes of local memory, where arrays go that registers cannot hold, and spilled registers.
struct Use {
  int registers = 0, local = 0;
};

/// By kernel. The section .nv.info is a list of facts: a format, an attribute, a size, and, for format 4, that many bytes; here those are
/// the number of a symbol and a value.
inline std::map<std::string, Use> uses_of(const std::string& cubin) {
  const auto read = [&](size_t at, auto value) {
    if (at + sizeof value <= cubin.size()) std::memcpy(&value, cubin.data() + at, sizeof value);
    return value;
  };
  constexpr uint8_t registers = 0x2f, frame = 0x11, list = 4;
  std::map<std::string, Use> uses;
  const auto header = read(0, Elf64_Ehdr{});
  std::vector<Elf64_Shdr> sections;
  for (size_t i = 0; i < header.e_shnum; ++i) sections.push_back(read(header.e_shoff + i * header.e_shentsize, Elf64_Shdr{}));
  const auto text = [&](const Elf64_Shdr& names, size_t at) { return std::string(cubin.c_str() + names.sh_offset + at); };
  const auto find = [&](const char* name) {
    for (const Elf64_Shdr& s : sections)
      if (text(sections[header.e_shstrndx], s.sh_name) == name) return s;
    return Elf64_Shdr{};
  };
  const Elf64_Shdr facts = find(".nv.info"), symbols = find(".symtab"), names = find(".strtab");
  for (size_t at = facts.sh_offset; at + 4 <= facts.sh_offset + facts.sh_size;) {
    const auto format = read(at, uint8_t{}), attribute = read(at + 1, uint8_t{});
    const auto size = read(at + 2, uint16_t{});
    if (format == list && (attribute == registers || attribute == frame)) {
      const auto symbol = read(symbols.sh_offset + read(at + 4, uint32_t{}) * sizeof(Elf64_Sym), Elf64_Sym{});
      (attribute == registers ? uses[text(names, symbol.st_name)].registers : uses[text(names, symbol.st_name)].local) =
          static_cast<int>(read(at + 8, uint32_t{}));
    }
    at += 4 + (format == list ? size : 0);
  }
  return uses;
}

}  // namespace scoregrad::generated
