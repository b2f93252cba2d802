//! The file of sizes to an encoder's settings.

use contexture_kernels::Activation;
use serde_json::{Value, json};

use super::ManyLangsFiles;
use super::dictionary::Dictionary;
use crate::ModelError;
use crate::architectures::{
    Aggregator, CharacterSettings, Directions, EncoderSettings, LstmSettings, Sizes, WordTable,
};
use crate::families::elmo::{ACTIVATIONS, clip, filters};
use crate::folder::Config;

/// The files of sizes that the program brings with it; published models name one of them and have
/// none of their own. Both say the same.
pub(super) const SHIPPED: [&str; 2] =
    ["cnn_50_100_512_4096_sample.json", "cnn_0_100_512_4096_sample.json"];

/// What they say.
pub(super) fn shipped() -> Value {
    json!({
        "encoder": {"name": "elmo", "projection_dim": 512, "cell_clip": 3, "proj_clip": 3,
                    "dim": 4096, "n_layers": 2},
        "token_embedder": {"name": "cnn", "activation": "relu",
                           "filters": [[1, 32], [2, 32], [3, 64], [4, 128], [5, 256], [6, 512],
                                       [7, 1024]],
                           "n_highway": 2, "word_dim": 100, "char_dim": 50,
                           "max_characters_per_token": 50},
    })
}

/// The encoder that the sizes describe.
pub(super) fn read(files: &ManyLangsFiles) -> Result<EncoderSettings, ModelError> {
    let encoder = section(&files.sizes, "encoder")?;
    let embedder = section(&files.sizes, "token_embedder")?;
    encoder.only("name", "elmo".into())?;
    let cells = encoder.count(&["dim"], 1..=1 << 15)?;
    let outputs = encoder.count(&["projection_dim"], 1..=1 << 14)?;
    let layers = encoder.count(&["n_layers"], 1..=64)?;
    let settings = EncoderSettings {
        embedding_norm: false,
        aggregator: Aggregator::Lstm,
        lstm: Some(LstmSettings {
            cells,
            projection: true,
            directions: Directions::Both,
            joint: false,
            skip_connections: true,
            cell_clip: clip(&encoder, "cell_clip")?,
            projection_clip: clip(&encoder, "proj_clip")?,
        }),
        characters: Some(characters(files, &embedder)?),
        ..EncoderSettings::plain(Sizes {
            hidden: 2 * outputs,
            heads: 1,
            inner: cells,
            vocabulary: files.words.len(),
            layers,
        })
    };
    [encoder, embedder].iter().for_each(|section| files.sizes.adopt(section));
    Ok(settings)
}

fn section(sizes: &Config, key: &str) -> Result<Config, ModelError> {
    match sizes.object(key)? {
        Some(section) => Ok(section),
        None => Err(sizes.missing(&[key], "an object of sizes")),
    }
}

fn characters(files: &ManyLangsFiles, cnn: &Config) -> Result<CharacterSettings, ModelError> {
    cnn.choice(&["name"], &[("cnn", ()), ("CNN", ())], ())?;
    let width = cnn.count(&["char_dim"], 0..=1 << 12)?;
    if width == 0 {
        let supported = "1 or more; words that are looked up only are not supported";
        return Err(cnn.unsupported("char_dim", "0", supported));
    }
    if !cnn.has("activation") {
        return Err(cnn.missing(&["activation"], "\"relu\" or \"tanh\""));
    }
    let (letters, words) = (&files.characters, &files.words);
    let number = |entry: &str| short(letters, entry);
    // Words begin with the number of <eow> and end with that of <bow>: it was trained so.
    let (begin, end) = (number("<eow>")?, number("<bow>")?);
    let words = match cnn.count(&["word_dim"], 0..=1 << 15)? {
        0 => None,
        width => {
            let markers = [words.word("<bos>")? as u32, words.word("<eos>")? as u32];
            Some(WordTable { width, markers })
        }
    };
    Ok(CharacterSettings {
        entries: letters.len(),
        width,
        filters: filters(cnn)?,
        highways: cnn.count(&["n_highway"], 0..=16)?,
        most: cnn.count(&["max_characters_per_token"], 3..=1 << 10)?,
        activation: cnn.choice(&["activation"], &ACTIVATIONS, Activation::Relu)?,
        padding: number("<pad>")?,
        markers: [vec![begin, number("<bos>")?, end], vec![begin, number("<eos>")?, end]],
        words,
    })
}

/// The number of a character; the encoder's settings bound them all to 16 bits.
fn short(letters: &Dictionary, entry: &str) -> Result<u16, ModelError> {
    let number = letters.number(entry)?;
    u16::try_from(number).map_err(|_| ModelError::Contradiction {
        key: format!("number of {entry}"),
        found: number.to_string(),
        expected: format!("at most {}", u16::MAX),
    })
}
