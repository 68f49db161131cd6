import types

import tidegauge


def test_all_names_are_exported() -> None:
    public = [
        name
        for name, value in vars(tidegauge).items()
        if not name.startswith("_") and not isinstance(value, types.ModuleType)
    ]
    assert sorted(tidegauge.__all__) == sorted(public)
