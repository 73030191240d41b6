// The elementwise ops: one function a row of the table, and the operators.
#pragma once
#include "autograd/graph/node.h"

namespace scoregrad {

/// Runs one row of the table on broadcast operands; throws Error on shapes that do not broadcast, mixed dtypes or devices.
Tensor elementwise(Op op, Operand x);
Tensor elementwise(Op op, Operand a, Operand b);
Tensor elementwise(Op op, Operand mask, Operand a, Operand b);

#define SG_UNARY(name, ...) Tensor name(Operand x);
#define SG_BINARY(name, ...) Tensor name(Operand a, Operand b);
#define SG_COMPARE SG_BINARY
#define SG_SELECT(name, ...) Tensor name(Operand mask, Operand a, Operand b);
#include "autograd/backend/elementwise.def"

/// a = a + b: the name `a` gets a new tensor, with history if one of the two has; other handles of the old one keep it. Throws Error if a
/// is a leaf, which would be left behind: add_ under NoGrad writes into it. Likewise the others.
Tensor& operator+=(Tensor& a, Operand b);
Tensor& operator-=(Tensor& a, Operand b);
Tensor& operator*=(Tensor& a, Operand b);
Tensor& operator/=(Tensor& a, Operand b);

/// h where `product` shows on the face of it, in products and sums of at most `depth` steps, that its value is h times that of `factor`;
/// else undefined. So a rule can divide by what may be 0.
Tensor cofactor(const Node* product, const Node* factor, int depth = 6);

inline Tensor operator-(Operand x) { return neg(x); }
inline Tensor operator+(Operand a, Operand b) { return add(a, b); }
inline Tensor operator-(Operand a, Operand b) { return sub(a, b); }
inline Tensor operator*(Operand a, Operand b) { return mul(a, b); }
inline Tensor operator/(Operand a, Operand b) { return div(a, b); }
inline Tensor operator<(Operand a, Operand b) { return lt(a, b); }
inline Tensor operator<=(Operand a, Operand b) { return le(a, b); }
inline Tensor operator>(Operand a, Operand b) { return gt(a, b); }
inline Tensor operator>=(Operand a, Operand b) { return ge(a, b); }
inline Tensor operator==(Operand a, Operand b) { return eq(a, b); }
inline Tensor operator!=(Operand a, Operand b) { return ne(a, b); }
inline Tensor operator!(Operand x) { return logical_not(x); }
inline Tensor operator&&(Operand a, Operand b) { return logical_and(a, b); }
inline Tensor operator||(Operand a, Operand b) { return logical_or(a, b); }

}  // namespace scoregrad
