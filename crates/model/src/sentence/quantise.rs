//! From f32 to bytes: inputs of products are measured first, so that columns which hold far larger values
//! than all others (Dettmers et al. 2022) do not make the bytes of the rest coarse.
//!
//! What is measured is the model itself over words drawn at random from its own vocabulary, for the columns
//! are nearly the same in any text. That takes no data, and the same model always gives the same bytes.

use std::sync::Arc;

use contexture_kernels::Pool;
use contexture_nn::{Declared, Matrix, Role, Segments, Session, Spreads, Stored, Weights};

use super::head::Head;
use super::options::{OpenOptions, WeightType};
use crate::ModelError;
use crate::architectures::{Encoder, TokenInput};
use crate::checkpoint::load::Form;

/// Sequences that are drawn, and the tokens of each at most.
const SEQUENCES: usize = 6;
const LENGTH: usize = 32;

impl Form {
    /// How an opened model holds its parameters, where the folder holds them as `stored`.
    pub(super) fn of_options(options: &OpenOptions, stored: WeightType) -> Self {
        match options.weight_type(stored) {
            _ if !options.pack => Self::Plain,
            WeightType::F32 => Self::Packed,
            WeightType::Int8 => Self::Bytes,
        }
    }
}

/// Weights that were filled as `form` says, ready for inference.
pub(super) fn finish(
    weights: Weights,
    form: Form,
    encoder: &Encoder,
    head: &Head,
    threads: usize,
) -> Result<Weights, ModelError> {
    let waits = |declared: &Declared| {
        declared.role == Role::Matrix && matches!(weights.matrix(declared.param), Matrix::Plain(_))
    };
    // Those that came as bytes were measured when they were written.
    if form != Form::Bytes || !weights.declaration().params.iter().any(waits) {
        return Ok(weights);
    }
    let weights = Arc::new(weights);
    let spreads = measure(&weights, encoder, head, threads)?;
    match Arc::try_unwrap(weights) {
        Ok(weights) => Ok(weights.quantised(&spreads)),
        Err(_) => unreachable!("the session that shared the weights is gone"),
    }
}

/// The spreads of the inputs of plain weights, as [`finish`] measures them: with tables as bytes.
pub(super) fn spreads(
    weights: &Weights,
    encoder: &Encoder,
    head: &Head,
    threads: usize,
) -> Result<Spreads, ModelError> {
    let declaration = weights.declaration().clone();
    let held = declaration.params.iter().map(|declared| {
        let values = weights.plain(declared.param);
        match declared.role {
            Role::Table => Stored::quantised(declared, values, &[]),
            _ => Stored::Plain(values.to_vec()),
        }
    });
    let held = held.collect();
    measure(&Arc::new(Weights::new(declaration, held)), encoder, head, threads)
}

fn measure(
    weights: &Arc<Weights>,
    encoder: &Encoder,
    head: &Head,
    threads: usize,
) -> Result<Spreads, ModelError> {
    let settings = encoder.settings();
    if settings.characters.is_some() || settings.vocabulary == 0 {
        // Words have no numbers to draw from; what they are spelled with stays f32 anyway.
        return Ok(Spreads::default());
    }
    let length = settings.maximum_tokens.unwrap_or(LENGTH).clamp(1, LENGTH);
    let mut state = 0u64;
    let ids = (0..SEQUENCES * length).map(|_| {
        // Knuth's multiplier; the upper bits are the random ones.
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        ((state >> 33) as usize % settings.vocabulary) as u32
    });
    let input = TokenInput { ids: ids.collect(), type_ids: None, characters: None };
    let batch = encoder.batch(input, Segments::from_lengths(vec![length; SEQUENCES]))?;
    let mut session = Session::infer(weights.clone(), Arc::new(Pool::new(threads)));
    session.measure_spreads();
    let hidden = encoder.forward(&mut session, &batch);
    head.forward(&mut session, &hidden, batch.segments(), &Arc::from([]));
    Ok(session.spreads().cloned().unwrap_or_default())
}
