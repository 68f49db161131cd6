"""How good were the predictions? Outcomes in, metrics with intervals out: no clock, no files, no telemetry.

| layer | files |
|---|---|
| values | `outcomes` (one outcome), `estimates` (one number with its interval) |
| state | `cohort` (each outcome once), `packing` (its columns as text) |
| reading | `classes` (which label means which class) |
| numbers | `binary`, `multiclass`, `regression`, each a table of small functions; `intervals` |
| answer | `evaluate` |
"""
