"""Translators of ATen operations and bricks, by what they are about."""

from . import bricks, composed, elementwise, indexing, products, reductions, shapes

__all__ = ["bricks", "composed", "elementwise", "indexing", "products", "reductions", "shapes"]
