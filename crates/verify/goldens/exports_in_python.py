"""Does Python read what `contexture export` wrote, and compute the same?

    python exports_in_python.py FOLDER EXPECTED.json

Run by crates/verify/tests/exports.rs where CONTEXTURE_PYTHON names a Python with sentence-transformers. EXPECTED holds `texts`
and their `vectors` by Contexture. Prints the largest difference as JSON, or what the library says where it refuses the folder.
"""

import json
import pathlib
import sys

import numpy
from sentence_transformers import SentenceTransformer


def main():
    expected = json.loads(pathlib.Path(sys.argv[2]).read_text(encoding="utf-8"))
    try:
        model = SentenceTransformer(sys.argv[1], device="cpu")
    except ValueError as refused:
        print(json.dumps({"refused": str(refused)}))
        return
    vectors = model.encode(expected["texts"], convert_to_numpy=True)
    ours = numpy.array(expected["vectors"], dtype=numpy.float32)
    print(json.dumps({"vectors": float(numpy.abs(vectors - ours).max())}))


if __name__ == "__main__":
    main()
