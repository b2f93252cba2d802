//! Its tensors in Contexture's order.
//!
//! Names are those of the two PyTorch modules, gates in our order: input, forget, memory, output.
//! The window of a filter is its last dimension and not the one before. Its highways say how much
//! passes by, ours how much is replaced: `1 - sigmoid(z) = sigmoid(-z)`, so the gate changes sign.

use contexture_nn::Declared;

use crate::ModelError;
use crate::checkpoint::arrays::Reader;
use crate::families::foreign::size;

/// The values of one declared parameter.
pub(super) fn parameter(
    source: &mut Reader<'_>,
    declared: &Declared,
    all: &[Declared],
) -> Result<Vec<f32>, ModelError> {
    let parts: Vec<&str> = declared.name.split('.').collect();
    let (rows, width) = (declared.param.rows, declared.param.width);
    match parts[..] {
        ["embeddings", "words", "weight"] => {
            source.array("word_emb_layer.embedding.weight", &[rows, width])
        }
        ["embeddings", "characters", "weight"] => {
            source.array("char_emb_layer.embedding.weight", &[rows, width])
        }
        ["embeddings", "filters", n, "weight"] => {
            let table = size(all, "embeddings.characters.weight").1;
            let window = width / table;
            let values =
                source.array(&format!("convolutions.{n}.weight"), &[rows, table, window])?;
            Ok(windows_first(&values, table, window))
        }
        ["embeddings", "filters", n, "bias"] => {
            source.array(&format!("convolutions.{n}.bias"), &[width])
        }
        ["embeddings", "highways", n, part, kind] => {
            let name = format!("highways._layers.{n}.{kind}");
            let (shape, half) = match kind {
                "bias" => (vec![2 * width], width),
                _ => (vec![2 * rows, width], rows * width),
            };
            let both = source.array(&name, &shape)?;
            Ok(match part {
                "gate" => both[half..].iter().map(|value| -value).collect(),
                _ => both[..half].to_vec(),
            })
        }
        ["embeddings", "projection", "bias"] => source.array("projection.bias", &[width]),
        ["embeddings", "projection", "weight"] => source.array("projection.weight", &[rows, width]),
        ["layers", layer, direction, part, kind] => {
            let (module, shape) = match (part, kind) {
                ("input", "bias") => ("state_linearity", vec![width]),
                ("input", _) => ("input_linearity", vec![rows, width]),
                ("recurrent", _) => ("state_linearity", vec![rows, width]),
                _ => ("state_projection", vec![rows, width]),
            };
            source.array(&format!("{direction}_layer_{layer}.{module}.{kind}"), &shape)
        }
        _ => {
            let reason = "no ELMoForManyLangs has such a parameter";
            Err(ModelError::tensor(source.shown(), &declared.name, reason))
        }
    }
}

/// `[filters, table, window]` to `[filters, window, table]`.
fn windows_first(values: &[f32], table: usize, window: usize) -> Vec<f32> {
    let filter = |filter: &[f32]| -> Vec<f32> {
        let place = |place: usize| (0..table).map(move |column| column * window + place);
        (0..window).flat_map(place).map(|at| filter[at]).collect()
    };
    values.chunks(table * window).flat_map(filter).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_comes_before_the_table() {
        // Two filters over three columns, two characters wide: filter, column and place as digits.
        let values = [0.0, 1.0, 10.0, 11.0, 20.0, 21.0, 100.0, 101.0, 110.0, 111.0, 120.0, 121.0];
        let turned = [0.0, 10.0, 20.0, 1.0, 11.0, 21.0, 100.0, 110.0, 120.0, 101.0, 111.0, 121.0];
        assert_eq!(windows_first(&values, 3, 2), turned);
    }
}
