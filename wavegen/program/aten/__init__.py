"""Translators of ATen operations and bricks, by what they are about."""

from . import bricks, elementwise, indexing, products, reductions, shapes

__all__ = ["bricks", "elementwise", "indexing", "products", "reductions", "shapes"]
