"""Other ways of storing the same weights, and arrays that cannot be weights. Needs h5py and numpy.

python variants.py: reads lm_weights.hdf5, writes packed.hdf5, doubles.hdf5 and odd.hdf5 beside it.
"""

import h5py
import numpy as np


def copy(name, kind, **how):
    """Every dataset again, in numbers of another kind or stored in another way."""
    with h5py.File("lm_weights.hdf5") as source, h5py.File(name, "w") as target:

        def visit(path, found):
            if isinstance(found, h5py.Dataset):
                target.create_dataset(path, data=found[()].astype(kind), **how)

        source.visititems(visit)


copy("packed.hdf5", "<f4", chunks=True, compression="gzip", shuffle=True, fletcher32=True)
copy("doubles.hdf5", ">f8", chunks=True, compression="gzip")
with h5py.File("odd.hdf5", "w") as odd:
    odd["halves"] = np.zeros((2, 3), "<f2")
    odd["whole"] = np.zeros((2, 3), "<i4")
    odd["infinite"] = np.array([1.0, np.inf], "<f4")
    odd.create_dataset("vast", (1 << 20, 1 << 20), "<f4", chunks=(16, 16))
