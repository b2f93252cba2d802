//! Losses on sentence vectors against sentence-transformers' own.

use std::collections::{BTreeMap, HashMap};

use contexture_kernels::Pool;
use contexture_nn::Rows;
use contexture_train::losses::{Contrast, Loss, contrastive, cosine_regression, squared_distance};
use contexture_verify::{Tensor, largest_difference, tensors};
use serde::Deserialize;

use crate::problem;

/// Of a loss, relative; of gradients, in units of their largest value.
const TOLERANCE: f64 = 1e-5;

#[derive(Deserialize)]
struct Golden {
    scale: f64,
    losses: BTreeMap<String, f64>,
}

fn compute(name: &str, scale: f64, stored: &HashMap<String, Tensor>) -> Loss {
    let vectors = |column: &str| {
        let tensor = &stored[&format!("vectors.{column}")];
        Rows::new(tensor.values.clone(), tensor.shape[1])
    };
    let pool = Pool::new(2);
    let contrast = |symmetric: bool, negatives: Rows| {
        let (anchors, positives) = (vectors("anchors"), vectors("positives"));
        contrastive(&pool, Contrast { scale, symmetric }, &anchors, &positives, &negatives)
    };
    match name {
        "contrastive" => contrast(false, Rows::default()),
        "contrastive_negatives" => contrast(false, vectors("negatives")),
        "contrastive_symmetric" => contrast(true, Rows::default()),
        "contrastive_symmetric_negatives" => contrast(true, vectors("negatives")),
        "regression" => {
            cosine_regression(&vectors("anchors"), &vectors("positives"), &stored["scores"].values)
        }
        "distillation" => squared_distance(&vectors("anchors"), &vectors("teacher")),
        other => panic!("no loss {other}"),
    }
}

#[test]
fn sentence_losses_are_the_librarys() {
    let golden: Golden = problem::json("sentence-losses.json");
    let stored = tensors(&problem::file("sentence-losses.safetensors"));
    assert_eq!(golden.losses.len(), 6);
    for (name, expected) in &golden.losses {
        let found = compute(name, golden.scale, &stored);
        // The library takes the mean over the batch's rows.
        let rows = stored["scores"].values.len() as f64;
        let off = (found.sum / rows / expected - 1.0).abs();
        let mut worst = 0.0f64;
        let columns = ["anchors", "positives", "negatives"];
        for (column, gradient) in columns.iter().zip(&found.gradients) {
            let Some(expected) = stored.get(&format!("{name}.{column}")) else {
                assert_eq!(gradient.rows(), 0, "{name}: a gradient by {column}");
                continue;
            };
            let expected = &expected.values;
            let mean: Vec<f32> =
                gradient.as_slice().iter().map(|v| (f64::from(*v) / rows) as f32).collect();
            let largest = expected.iter().fold(0.0f32, |most, v| most.max(v.abs()));
            worst = worst.max(f64::from(largest_difference(&mean, expected) / largest));
        }
        println!("{name}: loss off by {off:.1e}, gradients by {worst:.1e}");
        assert!(off <= TOLERANCE && worst <= TOLERANCE, "{name}: {off:e}, {worst:e}");
    }
}
