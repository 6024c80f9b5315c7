"""The native core: a C++ library that plays program files, and its binding; numpy, no torch."""
