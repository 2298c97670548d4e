"""Writes the comparison of networks that read characters from their trained runs.

for r in ocr_cnn ocr_cnn_bn ocr_cnn_deep ocr_resnet18; do
    python -m pneumo train $r --out runs/characters/$r data.source=characters epochs=8
done
python docs/characters.py runs/characters/*
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from pneumo import runs
from pneumo.lessons.characters import COMPARED
from pneumo.runs import character_report


def main() -> None:
    rows = {}
    for folder in map(Path, sys.argv[1:]):
        card, report = runs.read_card(folder), character_report.read(folder)
        full = report.stored["float32"]
        rows[card.model] = {
            "parameters": card.weights.parameters,
            "n": report.n,
            "right": full.right,
            "minutes": card.minutes,
        }
    COMPARED.write_text(json.dumps(dict(sorted(rows.items(), key=lambda row: row[1]["parameters"])), indent=1) + "\n")


if __name__ == "__main__":
    main()
