//! Training against PyTorch: gradients of whole models, ten steps of the optimisers, losses on
//! sentence vectors, and trained folders in Python. What the goldens hold stands in
//! `goldens/README.md`; their scripts are `goldens/training.py` and `goldens/training_recurrent.py`.

mod gradients;
mod problem;
mod python;
mod recurrent;
mod sentences;
mod steps;
