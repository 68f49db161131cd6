"""Statistics of two samples counted in the same cells; plain arrays in and out.

Shared by both sides: the baseline measures on blocks of its own rows how far they differ, the processor compares
windows with the baseline. Tails and verdicts are the processor's.

| file | what it computes |
|---|---|
| `anderson_darling`, `klotz`, `g_test`, `pearson` | a statistic, and its mean with independent rows |
| `pooling` | cells with too few rows put together |
| `season` | the reference mixed to the hours of a window |
| `wobble`, `blocks` | how far blocks of one sample differ beyond independent rows |
"""
