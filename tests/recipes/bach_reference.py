"""Count Bach's own values, which `wavegen eval` sets a folder of chorales against.

    python bach_reference.py JSB_CHORALES.tgz plugins/wavegen_chorales/bach_reference.json

The archive is Geron's (ageron/handson-ml2, datasets/jsb_chorales, Apache-2.0): 229 training
chorales are counted, the 77 of the test split are measured as held out, and those for validation
are printed beside both. Needs scikit-learn: pip install 'wavegen[chorales]'.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from wavegen_chorales.archive import members
from wavegen_chorales.battery_reference import reference, save
from wavegen_chorales.battery_table import measure, table, text_of
from wavegen_chorales.csv_files import read_csv
from wavegen_chorales.grid import ChoraleGrid

SOURCE = "JSB chorales on sixteenths, 229 training pieces (ageron/handson-ml2, Apache-2.0)"


def main(archive: Path, out: Path) -> None:
    """Write the reference, and show the splits that it was not counted from."""
    splits: dict[str, dict[str, ChoraleGrid]] = {"train": {}, "valid": {}, "test": {}}
    for name, content in members(archive, (".csv",)):
        splits[name.parent.name][name.name] = read_csv(content, name.name).grid
    ordered = {split: [found[name] for name in sorted(found)] for split, found in splits.items()}
    bach = reference(ordered.pop("train"), SOURCE)
    held_out = measure(ordered["test"], bach)
    bach = replace(bach, held_out={n: (cell.value, cell.spread) for n, cell in held_out.items()})
    save(bach, out)
    print(text_of(table({"valid": ordered["valid"]}, bach)))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python bach_reference.py JSB_CHORALES.tgz OUT.json")
    main(Path(sys.argv[1]), Path(sys.argv[2]))
