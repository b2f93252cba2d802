//! ELMo's arrays in Contexture's order.
//!
//! TensorFlow multiplies from the left, so every matrix is turned. A cell's kernel is `[x; m]` by
//! `[i j f o]` (input, memory, forget, output): its rows are divided between the layer's input and
//! the direction's own last output, its columns put into the order i, f, j, o. TensorFlow adds 1 to
//! the forget gate while it runs; here it is in the bias. Characters are counted from 1, so the
//! table begins with a row that is never read.

use contexture_nn::Declared;

use crate::ModelError;
use crate::checkpoint::arrays::Reader;
use crate::families::foreign::size;

/// Which of TensorFlow's gates stands in each of our four places.
const GATES: [usize; 4] = [0, 2, 1, 3];
const FORGET: usize = 1;

/// The values of one declared parameter.
pub(super) fn parameter(
    source: &mut Reader<'_>,
    d: &Declared,
    all: &[Declared],
) -> Result<Vec<f32>, ModelError> {
    let parts: Vec<&str> = d.name.split('.').collect();
    let (rows, width) = (d.param.rows, d.param.width);
    match parts[..] {
        ["embeddings", "characters", "weight"] => {
            let mut values = vec![0.0; width];
            values.extend(source.array("char_embed", &[rows - 1, width])?);
            Ok(values)
        }
        ["embeddings", "filters", n, "weight"] => {
            let table = size(all, "embeddings.characters.weight").1;
            let shape = [1, width / table, table, rows];
            let values = source.array(&format!("CNN/W_cnn_{n}"), &shape)?;
            Ok(turned(&values, width, rows))
        }
        ["embeddings", "filters", n, "bias"] => source.array(&format!("CNN/b_cnn_{n}"), &[width]),
        ["embeddings", "highways", n, part, kind] => {
            let part = if part == "gate" { "carry" } else { "transform" };
            linear(source, &format!("CNN_high_{n}"), part, kind, rows, width)
        }
        ["embeddings", "projection", kind] => projection(source, kind, rows, width),
        ["layers", layer, direction, part, kind] => {
            let number = if direction == "forward" { 0 } else { 1 };
            let cell = format!("RNN_{number}/RNN/MultiRNNCell/Cell{layer}/LSTMCell");
            if part == "projection" {
                let values = source.array(&format!("{cell}/W_P_0"), &[width, rows])?;
                return Ok(turned(&values, width, rows));
            }
            let prefix = format!("layers.{layer}.{direction}");
            let inputs = size(all, &format!("{prefix}.input.weight")).1;
            let (four, outputs) = size(all, &format!("{prefix}.recurrent.weight"));
            if kind == "bias" {
                return Ok(gates_of_bias(source.array(&format!("{cell}/B"), &[four])?));
            }
            let kernel = source.array(&format!("{cell}/W_0"), &[inputs + outputs, four])?;
            let first = if part == "input" { 0 } else { inputs };
            let values = gates(&kernel[first * four..(first + width) * four], four, width);
            source.keep(format!("{cell}/W_0"), kernel);
            Ok(values)
        }
        _ => Err(ModelError::tensor(source.shown(), &d.name, "no ELMo has such a parameter")),
    }
}

/// The projection of filters to words; there is none where both are equally many.
fn projection(
    source: &mut Reader<'_>,
    kind: &str,
    rows: usize,
    width: usize,
) -> Result<Vec<f32>, ModelError> {
    let present = source.has("CNN_proj/W_proj");
    match (kind, present || rows != width) {
        (_, true) => linear(source, "CNN_proj", "proj", kind, rows, width),
        ("weight", false) => {
            let mut values = vec![0.0; rows * width];
            values.iter_mut().step_by(width + 1).for_each(|value| *value = 1.0);
            Ok(values)
        }
        (_, false) => Ok(vec![0.0; width]),
    }
}

fn linear(
    source: &mut Reader<'_>,
    place: &str,
    part: &str,
    kind: &str,
    rows: usize,
    width: usize,
) -> Result<Vec<f32>, ModelError> {
    if kind == "bias" {
        return source.array(&format!("{place}/b_{part}"), &[width]);
    }
    let values = source.array(&format!("{place}/W_{part}"), &[width, rows])?;
    Ok(turned(&values, width, rows))
}

/// `[from, to]` to `[to, from]`.
fn turned(values: &[f32], from: usize, to: usize) -> Vec<f32> {
    (0..to).flat_map(|row| (0..from).map(move |column| values[column * to + row])).collect()
}

/// `[inputs, i j f o]` to `[i f j o, inputs]`.
fn gates(kernel: &[f32], four: usize, inputs: usize) -> Vec<f32> {
    let cells = four / 4;
    let column = |row: usize| GATES[row / cells] * cells + row % cells;
    let row = |row: usize| (0..inputs).map(move |input| kernel[input * four + column(row)]);
    (0..four).flat_map(row).collect()
}

fn gates_of_bias(bias: Vec<f32>) -> Vec<f32> {
    let cells = bias.len() / 4;
    let mut values: Vec<f32> = GATES
        .iter()
        .flat_map(|gate| bias[gate * cells..(gate + 1) * cells].iter().copied())
        .collect();
    values[FORGET * cells..(FORGET + 1) * cells].iter_mut().for_each(|value| *value += 1.0);
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_turned_and_gates_reordered() {
        // Two inputs, one cell: columns i j f o.
        let kernel = [1.0, 2.0, 3.0, 4.0, 10.0, 20.0, 30.0, 40.0];
        assert_eq!(gates(&kernel, 4, 2), [1.0, 10.0, 3.0, 30.0, 2.0, 20.0, 4.0, 40.0]);
        assert_eq!(gates_of_bias(vec![1.0, 2.0, 3.0, 4.0]), [1.0, 4.0, 2.0, 4.0]);
        assert_eq!(turned(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], 2, 3), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
    }
}
