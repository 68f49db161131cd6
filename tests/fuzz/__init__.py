"""Mutated requests of a stranger beside an honest model, which must not notice."""
