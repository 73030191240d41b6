// The smallest program: it makes one tensor. What starting it takes, in time and memory, every program with the library takes.
#include "autograd/tensor/create.h"

int main() { return scoregrad::zeros({2, 2}).data<float>()[3] == 0 ? 0 : 1; }
