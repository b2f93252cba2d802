//! A word's row from its characters (Kim et al. 2016; Peters et al. 2018, section 3.4):
//!
//! ```text
//! f   = max over places of act(convolution(characters))      [words, features]
//! f'  = highways(f)                                           [words, features]
//! row = [e, f'] W^T + b                                       [words, width]
//! ```
//!
//! `e` is the word's row of a table where there is one (ELMoForManyLangs, Che et al. 2018), else nothing.
//! A word's row depends on the word alone, so each different word of a batch is computed once.

use std::sync::Arc;

use contexture_kernels::Activation;
use contexture_nn::ops::{
    CharacterConvolution, Concatenate, Filter, Gather, Highway, Linear, Lookup,
};
use contexture_nn::{Builder, Initial, Param, Segments, Session, Value};

use super::linear;
use crate::architectures::{CharacterSettings, EncoderSettings, Spelled};

#[derive(Debug)]
pub(crate) struct Characters {
    words: Option<Param>,
    table: Param,
    filters: Arc<[Filter]>,
    highways: Vec<Highway>,
    projection: Linear,
    activation: Activation,
    most: usize,
    padding: u16,
}

impl Characters {
    pub(crate) fn declare(e: &EncoderSettings, c: &CharacterSettings, b: &mut Builder) -> Self {
        let deviation = e.initial_deviation;
        let features = c.features();
        // Kept within the convolution's reach whatever the width: variance 1 over the inputs.
        let fan = |inputs: usize| (inputs as f32).sqrt().recip();
        let words = c.words.as_ref().map(|words| {
            let initial = Initial::Normal(fan(words.width));
            b.within("words", |b| b.table("weight", e.vocabulary, words.width, initial))
        });
        let table = b.within("characters", |b| {
            b.exact_table("weight", c.entries, c.width, Initial::Normal(fan(c.width)))
        });
        let filters = b.within("filters", |b| {
            let filter = |(index, (width, count)): (usize, &(usize, usize))| {
                b.within(index, |b| Filter {
                    width: *width,
                    weight: b.exact_matrix(
                        "weight",
                        *count,
                        width * c.width,
                        Initial::Normal(fan(width * c.width)),
                    ),
                    bias: b.vector("bias", *count, Initial::Zeros),
                })
            };
            c.filters.iter().enumerate().map(filter).collect()
        });
        let highways = b.within("highways", |b| {
            (0..c.highways).map(|index| b.within(index, |b| highway(features, b))).collect()
        });
        let projection = b.within("projection", |b| {
            let inputs = c.projected();
            let deviation = deviation.max(fan(inputs));
            linear(e.word_width(), inputs, true, Activation::Identity, deviation, b)
        });
        let CharacterSettings { activation, most, padding, .. } = *c;
        Self { words, table, filters, highways, projection, activation, most, padding }
    }

    /// The row of each token of the framed sequences, `[framed tokens, width]`.
    pub(crate) fn forward(&self, s: &mut Session, spelled: &Spelled) -> Value {
        let words = Segments::single(spelled.characters.len() / self.most);
        let op = CharacterConvolution {
            table: self.table,
            filters: self.filters.clone(),
            activation: self.activation,
            most: self.most,
            padding: self.padding,
            characters: spelled.characters.clone(),
        };
        let mut x = s.apply(op, &[], &words);
        for highway in &self.highways {
            x = s.apply(*highway, &[&x], &words);
        }
        if let (Some(table), Some(ids)) = (self.words, &spelled.numbers) {
            let known = s.apply(Lookup { table, ids: ids.clone() }, &[], &words);
            x = s.apply(Concatenate, &[&known, &x], &words);
        }
        x = s.apply(self.projection, &[&x], &words);
        s.apply(Gather { rows: spelled.rows.clone() }, &[&x], spelled.framed.segments())
    }
}

fn highway(width: usize, b: &mut Builder) -> Highway {
    let pair = |name: &str, bias: Initial, b: &mut Builder| {
        b.within(name, |b| {
            let deviation = Initial::Normal((width as f32).sqrt().recip());
            (b.matrix("weight", width, width, deviation), b.vector("bias", width, bias))
        })
    };
    Highway {
        transform: pair("transform", Initial::Zeros, b),
        gate: pair("gate", Initial::Zeros, b),
        activation: Activation::Relu,
    }
}
