// The loops on float64.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "cpu/block_loops_float64.cpp"
#include "cpu/targets.inc"
// Highway's targets come first.
#include "cpu/block_loops.h"
#include "cpu/lanes.inc"

HWY_BEFORE_NAMESPACE();
namespace scoregrad::on_cpu::HWY_NAMESPACE {
#include "cpu/block_loops.inc"
const BlockLoop* float64_table() { return loops_of<Pack<double>, double, DType::float64>(); }
}  // namespace scoregrad::on_cpu::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace scoregrad::on_cpu {
HWY_EXPORT(float64_table);
const BlockLoop* float64_loops() { return HWY_DYNAMIC_DISPATCH(float64_table)(); }
}  // namespace scoregrad::on_cpu
#endif
