#!/usr/bin/python3
"""Writes the known answers of this folder: make.py [name ...], all of them where none is named.

Those of the models that come with Hanse go to `shipped/`; they are named `shipped/<model>`, and need `npm run build`.

Run by hand with a Python that has PyTorch 1.13; the files are committed. Files of cases that are gone are removed.
"""

import pathlib
import sys
import traceback

import torch

import activation_cases  # noqa: F401
import convolution_cases  # noqa: F401
import linear_cases  # noqa: F401
import model_cases  # noqa: F401
import normalization_cases  # noqa: F401
import sequence_cases  # noqa: F401
import training_cases  # noqa: F401
import view_cases  # noqa: F401
import written_cases  # noqa: F401
from shipped_models import SHIPPED, make_shipped
from vector import CASES, formatted, make

FOLDER = pathlib.Path(__file__).parent


def main(names):
    torch.set_num_threads(1)
    failed = []
    every = {name: lambda case=case: make(case) for name, case in CASES.items()}
    every |= {f"shipped/{name}": lambda case=case: make_shipped(case) for name, case in SHIPPED.items()}
    for name in names or every:
        try:
            vector = every[name]()
        except Exception as error:
            failed.append(name)
            print(f"{name}: {str(error).strip().splitlines()[0] if str(error) else error!r}")
            if len(names) == 1:
                traceback.print_exc()
            continue
        (FOLDER / f"{name}.json").write_text(formatted(vector) + "\n")
    if not names:
        for path in FOLDER.rglob("*.json"):
            if path.relative_to(FOLDER).with_suffix("").as_posix() not in every:
                path.unlink()
    print(f"{len(names or every) - len(failed)} written, {len(failed)} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
