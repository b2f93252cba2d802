//! int8 and binary vectors against sentence-transformers' `quantize_embeddings`.

use contexture::quantize::{Ranges, binary};
use contexture_verify::{Tensor, goldens, tensors};

fn as_i8(tensor: &Tensor) -> Vec<i8> {
    tensor.values.iter().map(|value| *value as i8).collect()
}

fn rows(tensor: &Tensor) -> impl Iterator<Item = &[f32]> {
    (0..tensor.shape[0]).map(|index| tensor.row(index))
}

/// One level more or less, where the quotient lies within rounding of an integer.
fn agree(ours: &[i8], reference: &[i8]) -> usize {
    assert_eq!(ours.len(), reference.len());
    let far = ours.iter().zip(reference).filter(|(a, b)| a.abs_diff(**b) > 1).count();
    assert_eq!(far, 0, "levels differ by more than one");
    ours.iter().zip(reference).filter(|(a, b)| a != b).count()
}

#[test]
fn int8_equals_the_reference() {
    let golden = tensors(&goldens().join("precision.safetensors"));
    let input = &golden["input"];
    let own = Ranges::of(rows(input)).unwrap();
    assert_eq!([own.min.clone(), own.max.clone()].concat(), golden["ranges.own"].values);
    let ours: Vec<i8> = rows(input).flat_map(|row| own.int8(row)).collect();
    assert_eq!(agree(&ours, &as_i8(&golden["int8"])), 0, "with the vectors' own ranges");

    let given = &golden["ranges"];
    let given = Ranges { min: given.row(0).to_vec(), max: given.row(1).to_vec() };
    let ours: Vec<i8> = rows(input).flat_map(|row| given.int8(row)).collect();
    assert_eq!(agree(&ours, &as_i8(&golden["int8.ranges"])), 0, "with given ranges");
}

#[test]
fn binary_equals_the_reference() {
    let golden = tensors(&goldens().join("precision.safetensors"));
    let ours: Vec<i8> = rows(&golden["input"]).flat_map(binary).collect();
    assert_eq!(ours, as_i8(&golden["binary"]));
}
