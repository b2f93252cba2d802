//! Cross-validation without chance.

/// The fold of each item, `0 .. folds`, classes spread evenly: the assignment of
/// `sklearn.model_selection.StratifiedKFold(folds, shuffle=False)`. Classes are numbered by their
/// first occurrence; the sorted labels are dealt out to the folds in turn, which says how many of
/// each class a fold gets; a class's items then fill fold 0 first, in their order.
pub fn stratified_folds(gold: &[usize], folds: usize) -> Vec<usize> {
    let mut seen: Vec<usize> = Vec::new();
    let mut encoded = Vec::with_capacity(gold.len());
    let most = gold.iter().max().map_or(0, |most| most + 1);
    let mut numbers = vec![None; most];
    for class in gold {
        let number = *numbers[*class].get_or_insert_with(|| {
            seen.push(*class);
            seen.len() - 1
        });
        encoded.push(number);
    }
    let mut sorted = encoded.clone();
    sorted.sort_unstable();
    let mut quota = vec![vec![0usize; folds]; seen.len()];
    sorted.iter().enumerate().for_each(|(at, class)| quota[*class][at % folds] += 1);
    let mut next = vec![0; seen.len()];
    encoded
        .iter()
        .map(|class| {
            let quota = &mut quota[*class];
            while quota[next[*class]] == 0 {
                next[*class] += 1;
            }
            quota[next[*class]] -= 1;
            next[*class]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fold_holds_its_share_of_every_class() {
        let gold = [2, 2, 0, 0, 0, 0, 2, 1, 1, 2];
        let folds = stratified_folds(&gold, 2);
        assert_eq!(folds, [0, 0, 0, 0, 1, 1, 1, 0, 1, 1]);
    }
}
