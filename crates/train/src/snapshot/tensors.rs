//! Weights and moments as one safetensors file with its digest.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::path::Path;

use contexture_nn::{Declaration, Weights};
use safetensors::tensor::{Dtype, SafeTensors, View};
use sha2::{Digest, Sha256};

use crate::TrainError;
use crate::optimiser::OptimiserState;
use crate::run_folder::write_whole;

struct Values<'a>(&'a [f32], Vec<usize>);

impl View for Values<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        &self.1
    }

    fn data(&self) -> Cow<'_, [u8]> {
        bytemuck::cast_slice(self.0).into()
    }

    fn data_len(&self) -> usize {
        size_of_val(self.0)
    }
}

const MOMENTS: [&str; 2] = ["first", "second"];

/// Passes bytes on and digests them on the way.
struct Digesting<W>(W, Sha256);

impl<W: Write> Write for Digesting<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.0.write(bytes)?;
        self.1.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}

/// Writes weights, and moments where there are any; the file's SHA-256 in hexadecimal.
pub(super) fn write(
    path: &Path,
    weights: &Weights,
    optimiser: Option<&OptimiserState>,
) -> Result<String, TrainError> {
    let mut tensors = Vec::new();
    for (index, declared) in weights.declaration().params.iter().enumerate() {
        let shape = vec![declared.param.rows, declared.param.width];
        let name = format!("weights/{}", declared.name);
        tensors.push((name, Values(weights.plain(declared.param), shape)));
        for (which, values) in MOMENTS.iter().zip(optimiser.iter().flat_map(|o| &o.moments[index]))
        {
            let name = format!("{which}/{}", declared.name);
            tensors.push((name, Values(values, vec![values.len()])));
        }
    }
    let mut digest = String::new();
    write_whole(path, |file| {
        let buffered = std::io::BufWriter::with_capacity(1 << 20, file);
        let mut out = Digesting(buffered, Sha256::new());
        write_tensors(&mut out, &tensors)?;
        out.flush()?;
        digest = hexadecimal(&out.1.finalize());
        Ok(())
    })?;
    Ok(digest)
}

/// The format by hand: the library's writer opens files itself, and here bytes are digested as
/// they pass. Eight bytes of the header's length, the header as JSON, the values.
fn write_tensors(out: &mut impl Write, tensors: &[(String, Values<'_>)]) -> std::io::Result<()> {
    let mut header = serde_json::Map::new();
    let mut at = 0;
    for (name, values) in tensors {
        let end = at + values.data_len();
        let entry = serde_json::json!({
            "dtype": "F32", "shape": values.shape(), "data_offsets": [at, end],
        });
        header.insert(name.clone(), entry);
        at = end;
    }
    let mut header = serde_json::to_vec(&header)?;
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    tensors.iter().try_for_each(|(_, values)| out.write_all(&values.data()))
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What a file holds, by declared parameter.
pub(super) struct Stored {
    pub(super) weights: Vec<Vec<f32>>,
    pub(super) moments: Vec<[Vec<f32>; 2]>,
}

/// Reads a file whose digest must be `digest`. The reason, where it cannot be used.
pub(super) fn read(path: &Path, digest: &str, declaration: &Declaration) -> Result<Stored, String> {
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    opened.map_err(|e| e.to_string())?;
    let found = hexadecimal(&Sha256::digest(&bytes));
    if found != digest {
        return Err(format!("its digest is {found}, not {digest}: it is damaged"));
    }
    let tensors = SafeTensors::deserialize(&bytes).map_err(|e| e.to_string())?;
    let values = |name: &str| -> Option<Vec<f32>> {
        let data = tensors.tensor(name).ok()?;
        Some(
            data.data()
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
        )
    };
    let (mut weights, mut moments) = (Vec::new(), Vec::new());
    for declared in &declaration.params {
        let found = values(&format!("weights/{}", declared.name));
        let found = found.filter(|values| values.len() == declared.param.len());
        weights.push(found.ok_or(format!("{} is not in it, or of another shape", declared.name))?);
        moments.push(
            MOMENTS.map(|which| values(&format!("{which}/{}", declared.name)).unwrap_or_default()),
        );
    }
    Ok(Stored { weights, moments })
}
