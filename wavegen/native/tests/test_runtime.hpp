// The parts of test_runtime.
#pragma once

void check_operations();
void check_voices();
void check_files();
