"""Tests. A package, because a dependency of the demo installs a package of this name beside ours."""
