// The loops on float32.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/block_loops_float32.cpp"
#include "cpu/targets.inc"
// Highway's targets come first.
#include "cpu/block_loops.h"
#include "cpu/lanes.inc"

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {
#include "cpu/block_loops.inc"
const BlockLoop* float32_table() { return loops_of<Pack<float>, float, DType::float32>(); }
}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scoregrad::on_cpu {
HWY_EXPORT(float32_table);
const BlockLoop* float32_loops() { return HWY_DYNAMIC_DISPATCH(float32_table)(); }
}  // namespace scoregrad::on_cpu
#endif
