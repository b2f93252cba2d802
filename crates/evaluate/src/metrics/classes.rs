//! Predicted classes against gold ones.
//!
//! Macro-F1: the mean of the classes' F1 = 2 TP / (2 TP + FP + FN), over the classes that occur in
//! the gold answers or in the predictions, as `sklearn.metrics.f1_score(average="macro")` has it.

/// How often gold class g was called class p.
#[derive(Debug, Clone)]
pub struct Confusion {
    classes: usize,
    counts: Vec<u64>,
}

impl Confusion {
    /// An empty table.
    pub fn new(classes: usize) -> Self {
        Self { classes, counts: vec![0; classes * classes] }
    }

    /// Counts one item.
    ///
    /// # Panics
    /// Where a class is out of range.
    pub fn add(&mut self, gold: usize, predicted: usize) {
        assert!(gold < self.classes && predicted < self.classes, "a class of the table");
        self.counts[gold * self.classes + predicted] += 1;
    }

    /// The share of items that were called right; not a number without items.
    pub fn accuracy(&self) -> f64 {
        let right: u64 = (0..self.classes).map(|c| self.counts[c * self.classes + c]).sum();
        right as f64 / self.counts.iter().sum::<u64>() as f64
    }

    /// The mean F1 of the classes that occur.
    pub fn macro_f1(&self) -> f64 {
        let found: Vec<f64> = (0..self.classes).filter_map(|class| self.f1(class)).collect();
        found.iter().sum::<f64>() / found.len() as f64
    }

    /// F1 of one class; `None` where it neither is gold nor was called.
    pub fn f1(&self, class: usize) -> Option<f64> {
        let row = &self.counts[class * self.classes..(class + 1) * self.classes];
        let gold: u64 = row.iter().sum();
        let called: u64 = (0..self.classes).map(|g| self.counts[g * self.classes + class]).sum();
        (gold + called > 0).then(|| 2.0 * row[class] as f64 / (gold + called) as f64)
    }
}

fn table(gold: &[usize], predicted: &[usize]) -> Confusion {
    assert_eq!(gold.len(), predicted.len(), "gold and predicted classes");
    let classes = gold.iter().chain(predicted).max().map_or(0, |most| most + 1);
    let mut table = Confusion::new(classes);
    gold.iter().zip(predicted).for_each(|(gold, predicted)| table.add(*gold, *predicted));
    table
}

/// The share of equal entries.
///
/// # Panics
/// Where the lists differ in length.
pub fn accuracy(gold: &[usize], predicted: &[usize]) -> f64 {
    table(gold, predicted).accuracy()
}

/// The mean F1 of the classes that occur.
///
/// # Panics
/// Where the lists differ in length.
pub fn macro_f1(gold: &[usize], predicted: &[usize]) -> f64 {
    table(gold, predicted).macro_f1()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_that_do_not_occur_do_not_count() {
        let (gold, predicted) = ([0, 0, 5, 5], [0, 5, 5, 5]);
        assert_eq!(accuracy(&gold, &predicted), 0.75);
        let expected = (2.0 / 3.0 + 4.0 / 5.0) / 2.0;
        assert!((macro_f1(&gold, &predicted) - expected).abs() < 1e-15);
        assert_eq!(macro_f1(&[0, 0], &[0, 1]), (2.0 / 3.0) / 2.0);
    }
}
