//! `options.json` to an encoder's settings.

use contexture_kernels::Activation;
use serde_json::Value;

use super::ElmoFiles;
use crate::ModelError;
use crate::architectures::{
    Aggregator, CharacterSettings, Directions, EncoderSettings, LstmSettings, Sizes,
};
use crate::folder::Config;

/// The encoder that the options describe.
pub(super) fn read(files: &ElmoFiles) -> Result<EncoderSettings, ModelError> {
    let options = &files.options;
    options.only("bidirectional", true.into())?;
    let [lstm, cnn] = [section(options, "lstm")?, section(options, "char_cnn")?];
    let cells = lstm.count(&["dim"], 1..=1 << 15)?;
    let outputs = lstm.optional_count(&["projection_dim"], 1..=1 << 14)?.unwrap_or(cells);
    if outputs > cells {
        let expected = format!("at most lstm.dim ({cells})");
        return Err(lstm.wrong("projection_dim", &expected, &outputs.into()));
    }
    let layers = lstm.count(&["n_layers"], 1..=64)?;
    let settings = EncoderSettings {
        embedding_norm: false,
        aggregator: Aggregator::Lstm,
        lstm: Some(LstmSettings {
            cells,
            projection: outputs < cells,
            directions: Directions::Both,
            joint: false,
            skip_connections: lstm.flag(&["use_skip_connections"], false)?,
            cell_clip: clip(&lstm, "cell_clip")?,
            projection_clip: clip(&lstm, "proj_clip")?,
        }),
        characters: Some(characters(&cnn)?),
        ..EncoderSettings::plain(Sizes {
            hidden: 2 * outputs,
            heads: 1,
            inner: cells,
            vocabulary: files.vocabulary,
            layers,
        })
    };
    [lstm, cnn].iter().for_each(|section| options.adopt(section));
    Ok(settings)
}

fn section(options: &Config, key: &str) -> Result<Config, ModelError> {
    match options.object(key)? {
        Some(section) => Ok(section),
        None if key == "char_cnn" => Err(options.missing(
            &[key],
            "the sizes of a character CNN; an ELMo whose words are looked up in a table is not \
             supported",
        )),
        None => Err(options.missing(&[key], "the sizes of the recurrent layers")),
    }
}

/// 0 and null both mean none, as in TensorFlow.
pub(crate) fn clip(lstm: &Config, key: &str) -> Result<Option<f32>, ModelError> {
    let clip = lstm.number(&[key], 0.0..=1e6, 0.0)? as f32;
    Ok((clip > 0.0).then_some(clip))
}

/// What may follow the filters.
pub(crate) const ACTIVATIONS: [(&str, Activation); 2] =
    [("relu", Activation::Relu), ("tanh", Activation::Tanh)];

fn characters(cnn: &Config) -> Result<CharacterSettings, ModelError> {
    let Some(embedding) = cnn.object("embedding")? else {
        return Err(cnn.missing(&["embedding"], "an object with the width `dim`"));
    };
    let width = embedding.count(&["dim"], 1..=1 << 12)?;
    let highways = cnn.optional_count(&["n_highway"], 0..=16)?.unwrap_or(0);
    // 261 are stored in both cases: the one more is what fills up, counted by some and not others.
    cnn.optional_count(&["n_characters"], 261..=262)?;
    let Some(_) = cnn.text(&["activation"])? else {
        return Err(cnn.missing(&["activation"], "\"relu\" or \"tanh\""));
    };
    Ok(CharacterSettings {
        most: cnn.optional_count(&["max_characters_per_token"], 3..=1 << 10)?.unwrap_or(50),
        activation: cnn.choice(&["activation"], &ACTIVATIONS, Activation::Relu)?,
        ..CharacterSettings::bytes(width, filters(cnn)?, highways)
    })
}

/// `[[width, count], ...]`
pub(crate) fn filters(cnn: &Config) -> Result<Vec<(usize, usize)>, ModelError> {
    let expected = "a list of at most 64 pairs [width, count]";
    let Some((key, value)) = cnn.get(&["filters"]) else {
        return Err(cnn.missing(&["filters"], expected));
    };
    let pair = |pair: &Value| {
        let [width, count] = pair.as_array()?.as_slice() else { return None };
        let number = |value: &Value| usize::try_from(value.as_u64()?).ok();
        let (width, count) = (number(width)?, number(count)?);
        ((1..=1 << 10).contains(&width) && (1..=1 << 14).contains(&count)).then_some((width, count))
    };
    let list = value.as_array().filter(|list| !list.is_empty() && list.len() <= 64);
    let pairs = list.and_then(|list| list.iter().map(pair).collect());
    pairs.ok_or_else(|| cnn.wrong(key, expected, value))
}
