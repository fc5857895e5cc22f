"""Which platforms there are, by slug: the modules and packages here, each with a subclass of Platform of its name."""

from __future__ import annotations

from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType

from sandbox.platform import Platform


def platform_in(module: ModuleType) -> type[Platform]:
    """Return the platform that a module here is called as. Raises LookupError."""
    slug = module.__name__.rpartition(".")[2]
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Platform) and getattr(value, "slug", None) == slug:
            return value
    raise LookupError(f"{module.__name__} has no subclass of Platform whose slug is {slug!r}")


PLATFORMS: dict[str, type[Platform]] = {
    found.name: platform_in(import_module(f"{__name__}.{found.name}")) for found in iter_modules(__path__)
}
