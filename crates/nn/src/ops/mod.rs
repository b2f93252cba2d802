//! One file an op: the equation, `forward`, `backward`, `reveal` and its tests.
