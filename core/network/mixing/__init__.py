"""Several candidates in one slot: the mixed slot, and their kernels merged into one."""
