"""What all tests share: one thread each, since small tensors gain nothing from more."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
