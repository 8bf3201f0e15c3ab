"""What all tests share."""

import torch

# One thread per process, however the tests are started: the networks are small, the processes
# several, and sums do not depend on the number of cores.
torch.set_num_threads(1)
