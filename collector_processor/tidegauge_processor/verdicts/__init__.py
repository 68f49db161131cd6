"""When is a change real? Pure numbers in, verdicts out: no clock, no files, no telemetry.

| layer | files |
|---|---|
| values | `types`, `state` |
| what is compared | `scales` (windows merged), `season` (reference mixed to the hours of the window) |
| evidence | `quadratic` with `likelihood`, `saddlepoint`, `g_test`, `fisher` |
| size | `effects`, `bounds` |
| judgement | `budget` (levels), `judge`, `ranking`, `incidents`, `change_point` |
"""
