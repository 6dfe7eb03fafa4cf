"""Address to cell and back: ``layout`` and ``cells`` under one name."""

from __future__ import annotations

from hpview.space.cell_class import CellClass
from hpview.space.cells import Cells, between, cells, classify
from hpview.space.layout import Layout, Row

__all__ = ["CellClass", "Cells", "Layout", "Row", "between", "cells", "classify"]
