//! A new model's folder from its settings: `create NEW_MODEL.json FOLDER SEED`. Without arguments it
//! prints settings to begin from. The tokenizer's files are not its business.

use std::path::Path;

use contexture_model::architectures::{EncoderSettings, Sizes};
use contexture_model::folder::{ModuleSettings, SentenceSettings};
use contexture_model::heads::LanguageHeadSettings;
use contexture_model::positions::PositionSettings;
use contexture_model::{Model, NewModel};
use contexture_nn::ops::Pooling;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [settings, folder, seed] = &arguments[..] else {
        println!("{}", serde_json::to_string_pretty(&example())?);
        return Ok(());
    };
    let new: NewModel = serde_json::from_slice(&std::fs::read(settings)?)?;
    let model = Model::create(&new, seed.parse()?)?;
    model.write(Path::new(folder), model.weights())?;
    Ok(())
}

/// BERT's shape, small.
fn example() -> NewModel {
    let sizes = Sizes { hidden: 64, heads: 4, inner: 128, vocabulary: 1000, layers: 2 };
    let settings = EncoderSettings {
        token_types: 2,
        positions: vec![PositionSettings::Learned { entries: 64, offset: 0, skips: None }],
        maximum_tokens: Some(64),
        dropout: 0.1,
        ..EncoderSettings::plain(sizes)
    };
    NewModel {
        language: Some(LanguageHeadSettings::bert(&settings)),
        settings,
        head: vec![
            ModuleSettings::Pool { pooling: vec![Pooling::Mean], include_prompt: true },
            ModuleSettings::Normalize,
        ],
        classifier: None,
        decoder: None,
        sentence: SentenceSettings::default(),
    }
}
