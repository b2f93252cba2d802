//! Every objective, on small data: it learns, it can be broken off and gone on with to the bit,
//! and large batches in parts give the gradients of the whole.

use std::path::{Path, PathBuf};

use contexture_engine::{Embedder, Folder, OpenOptions, TranslateOptions, Translator};
use contexture_train::{Config, Control, Event, Options, Outcome, Trainer};

struct Stage(tempfile::TempDir);

const WHO: [&str; 6] = ["ram", "sam", "the cat", "a dog", "my aunt", "the judge"];
const WHAT: [&str; 4] = ["hits", "sees", "likes", "greets"];

impl Stage {
    fn new() -> Self {
        let stage = Self(tempfile::tempdir().expect("a temporary folder"));
        let (mut text, mut pairs, mut tagged) = (String::new(), String::new(), String::new());
        pairs.push_str("anchor\tpositive\tnegative\tscore\tlabel\n");
        for k in 0..240 {
            let (a, v, b) = (WHO[k % 6], WHAT[k / 6 % 4], WHO[(k / 5 + 1) % 6]);
            text.push_str(&format!("{a} {v} {b} today .\n"));
            let score = (k % 3) as f64 * 2.5;
            let other = if k % 3 == 2 { a } else { b };
            pairs.push_str(&format!("{a} {v} {b}\t{a} {v}\t{b} {v}\t{score}\t{v}\n"));
            for word in format!("{a} {v} {other}").split(' ') {
                let tag = if WHAT.contains(&word) { "VERB" } else { "NOUN" };
                tagged.push_str(&format!("{word}\t{tag}\n"));
            }
            tagged.push('\n');
        }
        for (name, content) in [("text.txt", text), ("pairs.tsv", pairs), ("tagged.conll", tagged)]
        {
            std::fs::write(stage.path(name), content).expect("data");
        }
        stage
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A model to learn from, and its vectors of the text.
    fn teacher(&self) {
        run(self.config("teacher", &self.objective("masked"), "", 20), None);
        let teacher = Embedder::open_folder(&self.path("teacher"), &Default::default()).unwrap();
        let text = std::fs::read_to_string(self.path("text.txt")).unwrap();
        let records = teacher.embed(&text.lines().collect::<Vec<_>>()).unwrap();
        let values: Vec<f32> = records.iter().flat_map(|r| r.vector()).copied().collect();
        let shape = [records.len() as u64, teacher.dimensions() as u64];
        let file = std::fs::File::create(self.path("stored.npy")).unwrap();
        use npyz::WriterBuilder;
        let mut npy = npyz::WriteOptions::new()
            .default_dtype()
            .shape(&shape)
            .writer(std::io::BufWriter::new(file))
            .begin_nd()
            .unwrap();
        npy.extend(values).unwrap();
        npy.finish().unwrap();
    }

    fn config(&self, name: &str, objective: &str, keys: &str, steps: u64) -> Config {
        let (model, tokenizer) = model(keys);
        let text = format!(
            "output = {:?}\nthreads = 2\n\
             [model]\nhidden = 24\nheads = 2\ninner = 48\nmaximum_tokens = 32\n{model}\n\
             [tokenizer]\nkind = {tokenizer:?}\nvocabulary = 120\nmin_frequency = 1\n\
             [[objective]]\n{objective}\nheld_out_share = 0.1\nshuffle = 50\n\
             [optimiser]\nlearning_rate = 4e-3\n[schedule]\nsteps = {steps}\nwarmup = 4\n\
             [evaluation]\nevery = 10\n[snapshots]\nevery = 6\n",
            self.path(name),
        );
        Config::parse(&text, "test".as_ref(), &[]).unwrap_or_else(|e| panic!("{name}: {e}\n{text}"))
    }

    fn objective(&self, kind: &str) -> String {
        let file = |name: &str| format!("{:?}", self.path(name));
        let text = format!("[objective.data]\ntrain = [{{ files = [{}] }}]", file("text.txt"));
        let pairs = |columns: &str| {
            let pairs = file("pairs.tsv");
            format!(
                "[objective.data]\ntrain = [{{ files = [{pairs}], columns = {{ {columns} }} }}]"
            )
        };
        match kind {
            "masked" => format!("kind = \"masked\"\nlength = 16\nbatch_tokens = 128\n{text}"),
            "packed" => format!(
                "kind = \"masked\"\nname = \"packed\"\npack = true\nlength = 16\nbatch_tokens = 128\n{text}"
            ),
            "causal" => format!("kind = \"causal\"\nlength = 16\nbatch_tokens = 128\n{text}"),
            "bidirectional" => {
                format!("kind = \"bidirectional\"\nlength = 16\nbatch_tokens = 128\n{text}")
            }
            "sampled" => format!(
                "kind = \"bidirectional\"\nsamples = 10\nlength = 16\nbatch_tokens = 128\n{text}"
            ),
            "contrastive" => format!(
                "kind = \"contrastive\"\nbatch = 12\nnegatives = 1\nsymmetric = true\ncache = 7\nlength = 16\n{}",
                pairs("")
            ),
            "pairs" => format!(
                "kind = \"pairs\"\nbatch = 12\nmost = 5.0\nlength = 16\n{}",
                pairs("first = \"anchor\", second = \"positive\"")
            ),
            "distillation" => format!(
                "kind = \"distillation\"\nteacher = {}\ntokens = 0.5\nbatch = 12\nlength = 16\n{text}",
                file("teacher")
            ),
            "stored" => format!(
                "kind = \"distillation\"\nteacher = {}\nbatch = 12\nlength = 16\n{}",
                file("teacher"),
                text.replace("}]", &format!(", vectors = {} }}]", file("stored.npy"))),
            ),
            "triples" => format!(
                "kind = \"triples\"\nbatch = 12\nmargin = 0.4\npositive = 0.8\nnegative = 0.3\nlength = 16\n{}",
                pairs("")
            ),
            "translation" => format!(
                "kind = \"translation\"\nbatch_tokens = 128\nlength = 16\ntranslated = 8\n{}",
                pairs("source = \"positive\", target = \"anchor\"")
            ),
            "classification" => format!(
                "kind = \"classification\"\nbatch = 12\nlength = 16\n{}",
                pairs("text = \"anchor\"")
            ),
            "tagging" => format!(
                "kind = \"tagging\"\nbatch = 12\nlength = 16\n[objective.data]\ntrain = [{{ files = [{}], \
                 join = \"sentence\" }}]",
                file("tagged.conll")
            ),
            other => panic!("{other}"),
        }
    }
}

fn run(config: Config, stop_after: Option<u64>) -> (Outcome, Vec<f64>) {
    let mut trainer = Trainer::open(config, &Options::default()).expect("the run opens");
    let mut losses = Vec::new();
    let outcome = trainer.run(&mut |event| {
        if let Event::Step(report) = event {
            losses.push(report.loss);
            if Some(report.step) == stop_after {
                return Control::Stop;
            }
        }
        Control::GoOn
    });
    (outcome.expect("the run goes well"), losses)
}

fn result(folder: &Path) -> (Vec<u8>, String) {
    let read = |name: &str| std::fs::read(folder.join(name)).expect(name);
    (read("model.safetensors"), String::from_utf8(read("metrics.jsonl")).expect("text"))
}

/// What is learned by what: an objective, and what the model is besides small.
const KINDS: [(&str, &str); 30] = [
    ("masked", ""),
    ("packed", ""),
    ("causal", "causal = true\nnorm = \"before\""),
    ("contrastive", ""),
    ("pairs", ""),
    ("distillation", ""),
    ("stored", ""),
    ("triples", ""),
    ("triples", "aggregator = \"lstm\""),
    ("classification", ""),
    ("tagging", ""),
    ("masked", "mix = true"),
    ("masked", "aggregator = \"lstm\"\nmix = true"),
    ("causal", "aggregator = \"lstm\"\ncausal = true"),
    ("contrastive", "aggregator = \"lstm\""),
    ("distillation", "aggregator = \"lstm\"\ncells = 40"),
    ("classification", "aggregator = \"lstm\""),
    ("tagging", "aggregator = \"lstm\"\npositions = \"sinusoidal\""),
    ("bidirectional", "aggregator = \"lstm\"\ncells = 40\ncell_clip = 3.0\nprojection_clip = 3.0"),
    ("sampled", "aggregator = \"lstm\"\nskip_connections = true"),
    ("bidirectional", "aggregator = \"lstm\"\nmodel_of_characters"),
    ("sampled", "aggregator = \"lstm\"\nmodel_of_characters"),
    ("distillation", "aggregator = \"lstm\"\nmodel_of_characters"),
    ("tagging", "aggregator = \"attention\"\nmodel_of_characters"),
    ("contrastive", "aggregator = \"none\"\nmodel_of_characters"),
    ("translation", ""),
    ("translation", "norm = \"before\"\npositions = \"rotary\"\ndecoder = { layers = 2 }"),
    ("translation", "positions = \"relative\"\ntied = false"),
    ("translation", "positions = \"sinusoidal\"\ntarget_of_its_own"),
    ("translation", "aggregator = \"lstm\""),
];

/// Model keys, and the tokenizer's kind.
fn model(keys: &str) -> (String, &'static str) {
    let two = if keys.contains("lstm") { "layers = 2\n" } else { "layers = 1\n" };
    let spelled =
        "tied = false\ncharacters = { width = 6, filters = [[1, 8], [2, 16]], highways = 1 }";
    let kind = if keys.contains("model_of_characters") { "characters" } else { "wordpiece" };
    let keys = keys.replace("model_of_characters", spelled);
    let own = "[target_tokenizer]\nkind = \"bpe\"\nvocabulary = 300\nmin_frequency = 1";
    (format!("{two}{}", keys.replace("target_of_its_own", own)), kind)
}

#[test]
fn every_objective_learns() {
    let stage = Stage::new();
    stage.teacher();
    for (number, (kind, keys)) in KINDS.into_iter().enumerate() {
        let name = format!("{kind}-{number}");
        // Characters are a longer way from the loss.
        let steps = if keys.contains("model_of_characters") { 150 } else { 60 };
        let config = stage.config(&name, &stage.objective(kind), keys, steps);
        let (outcome, losses) = run(config, None);
        assert!(outcome.finished && outcome.steps == steps, "{name}");
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        let (first, last) = (mean(&losses[..6]), mean(&losses[losses.len() - 6..]));
        assert!(last < 0.8 * first, "{name}: {first} to {last}");
        let best = outcome.best.expect("held-out losses");
        // Held-out losses are over all words, sampled ones over some.
        assert!(best.1 < first || kind == "sampled", "{name}: held out {best:?}, first {first}");
    }
}

#[test]
fn every_objective_goes_on_to_the_bit() {
    let stage = Stage::new();
    stage.teacher();
    for (number, (kind, keys)) in KINDS.into_iter().enumerate() {
        let config = |name: &str| stage.config(name, &stage.objective(kind), keys, 29);
        let whole = format!("{kind}-{number}-whole");
        let mut alone = config(&whole);
        // Nor does it depend on the threads.
        alone.threads = 1;
        run(alone, None);
        let broken = format!("{kind}-{number}-broken");
        for (stop, expected) in [(Some(7), 7), (Some(20), 20), (None, 29)] {
            let (outcome, _) = run(config(&broken), stop);
            assert_eq!(outcome.steps, expected, "{broken}");
        }
        let (found, expected) = (result(&stage.path(&broken)), result(&stage.path(&whole)));
        assert_eq!(found.1, expected.1, "{broken}: metrics");
        assert!(found.0 == expected.0, "{broken}: weights");
    }
}

/// What was written translates as what was trained did, and is trained further.
#[test]
fn a_translation_is_judged_written_and_gone_on_from() {
    let stage = Stage::new();
    let keys = "positions = \"sinusoidal\"\ntarget_of_its_own";
    let config = stage.config("first", &stage.objective("translation"), keys, 150);
    run(config, None);
    let metrics = result(&stage.path("first")).1;
    let judged: Vec<f64> = metrics
        .lines()
        .filter_map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["held_out"]["bleu"].as_f64()
        })
        .collect();
    assert_eq!(judged.len(), 15);
    assert!(judged[14] > judged[0] && judged[14] > 5.0, "{judged:?}");
    let folder = Folder::open(&stage.path("first")).unwrap();
    let translator = Translator::open_in(folder, &OpenOptions::default()).unwrap();
    assert_ne!(translator.source().vocabulary_size(), translator.target().vocabulary_size());
    let found = translator.translate(&["ram hits", ""], &TranslateOptions::default()).unwrap();
    assert!(found[0].outputs[0].text.contains("ram"), "{:?}", found[0].outputs[0].text);
    assert_eq!(found[1].outputs[0].text, "");
    let text = format!(
        "output = {:?}\n[model]\nfrom = {:?}\n[[objective]]\n{}\n[optimiser]\nlearning_rate = 1e-4\n\
         [schedule]\nsteps = 3\n",
        stage.path("second"),
        stage.path("first"),
        stage.objective("translation")
    );
    let config = Config::parse(&text, "test".as_ref(), &[]).unwrap();
    let (_, losses) = run(config, None);
    assert!(losses[0] < 2.5, "{losses:?}");
}

/// ELMoForManyLangs' folder is where a run may begin; what comes of it is of our own family.
#[test]
fn a_model_with_dictionaries_is_trained_further() {
    let stage = Stage::new();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../verify/goldens/many_langs/words");
    let config = |name: &str, kind: &str, steps: u64| {
        let objective = stage.objective(kind);
        let text = format!(
            "output = {:?}\n[model]\nfrom = {from:?}\n[[objective]]\n{objective}\nheld_out_share = 0.1\n\
             [optimiser]\nlearning_rate = 4e-3\n[schedule]\nsteps = {steps}\nwarmup = 4\n\
             [evaluation]\nevery = 10\n[snapshots]\nevery = 6\n",
            stage.path(name)
        );
        Config::parse(&text, "test".as_ref(), &[]).unwrap_or_else(|e| panic!("{name}: {e}"))
    };
    for kind in ["bidirectional", "contrastive"] {
        let [whole, broken] = ["whole", "broken"].map(|how| format!("{kind}-{how}"));
        let (outcome, losses) = run(config(&whole, kind, 60), None);
        let mean = |part: &[f64]| part.iter().sum::<f64>() / part.len() as f64;
        assert!(outcome.finished && mean(&losses[54..]) < 0.8 * mean(&losses[..6]), "{losses:?}");
        run(config(&broken, kind, 60), Some(13));
        run(config(&broken, kind, 60), None);
        assert!(result(&stage.path(&broken)) == result(&stage.path(&whole)), "{kind}");
        let options = contexture_engine::OpenOptions::default();
        let open = |folder: &Path| {
            let embedder = contexture_engine::Embedder::open_folder(folder, &options).unwrap();
            embedder.embed(&["the cat sat", "unknown"]).unwrap()
        };
        let (before, after) = (open(&from), open(&stage.path(&whole)));
        assert!(before.iter().zip(&after).all(|(a, b)| a.vector() != b.vector()), "{kind}");
    }
}

/// In parts or whole, with dropout: the same masks, so the same losses but for rounding.
#[test]
fn gradient_caching_changes_nothing_but_rounding() {
    let stage = Stage::new();
    let objective = stage.objective("contrastive");
    let losses = |cache: usize| {
        let objective = objective.replace("cache = 7", &format!("cache = {cache}"));
        // Without dropout: masks go by the place in a pass, which parts change.
        let name = format!("cache-{cache}");
        run(stage.config(&name, &objective, "dropout = 0.0", 12), None).1
    };
    let whole = losses(0);
    for cache in [1, 7, 36, 1000] {
        for (step, (a, b)) in whole.iter().zip(losses(cache)).enumerate() {
            assert!(
                (a - b).abs() < 1e-4 * a.abs().max(1.0),
                "cache {cache}, step {step}: {a}, {b}"
            );
        }
    }
}

#[test]
fn objectives_add_up_by_their_weights() {
    let stage = Stage::new();
    let both = format!(
        "{}\n[[objective]]\nweight = 0.25\n{}",
        stage.objective("masked"),
        stage.objective("contrastive")
    );
    let config = stage.config("both", &both, "", 8);
    let mut trainer = Trainer::open(config, &Options::default()).expect("the run opens");
    let mut seen = 0;
    let outcome = trainer.run(&mut |event| {
        if let Event::Step(report) = event {
            let [masked, contrastive] =
                ["masked", "contrastive"].map(|name| report.objectives[name]);
            assert!((report.loss - masked - 0.25 * contrastive).abs() < 1e-9);
            seen += 1;
        }
        Control::GoOn
    });
    assert!(outcome.expect("the run goes well").finished && seen == 8);
}

/// Stored vectors are the teacher's own: learning from them is learning from it, to the bit.
#[test]
fn stored_vectors_are_the_teacher() {
    let stage = Stage::new();
    stage.teacher();
    let asked = stage.objective("distillation").replace("tokens = 0.5\n", "");
    let losses = |name: &str, objective: &str| run(stage.config(name, objective, "", 9), None).1;
    assert_eq!(losses("asked", &asked), losses("read", &stage.objective("stored")));
}

#[test]
fn stored_vectors_of_other_texts_are_refused() {
    let stage = Stage::new();
    stage.teacher();
    let text = std::fs::read_to_string(stage.path("text.txt")).unwrap();
    let fails = |text: String| {
        std::fs::write(stage.path("text.txt"), text).unwrap();
        let config = stage.config("refused", &stage.objective("stored"), "", 40);
        let mut message = String::new();
        match Trainer::open(config, &Options { fresh: true, force: false }) {
            Err(error) => message = error.to_string(),
            Ok(mut trainer) => {
                message.extend(trainer.run(&mut |_| Control::GoOn).err().map(|e| e.to_string()));
            }
        }
        message
    };
    let lines: Vec<&str> = text.lines().collect();
    let turned: Vec<&str> = lines.iter().rev().copied().collect();
    let message = fails(turned.join("\n"));
    assert!(message.contains("text.txt:") && message.contains("another order"), "{message}");
    let message = fails([text.as_str(), "one line more\n"].concat().repeat(2));
    assert!(message.contains("240 rows"), "{message}");
}

/// A part of a model begins with the whole's own values: with all layers and all words it is the
/// whole, and with fewer it gives the whole's rows of the words that it kept.
#[test]
fn a_part_of_a_model_begins_as_that_part() {
    let stage = Stage::new();
    let mut config = stage.config("whole", &stage.objective("contrastive"), "", 25);
    config.model.layers = 2;
    run(config, None);
    let begun = |name: &str, keep: &str| {
        let text = format!(
            "output = {:?}\nthreads = 2\n[model]\nfrom = {:?}\nkeep = {{ {keep} }}\ndropout = 0.0\n\
             [[objective]]\n{}\n[optimiser]\nlearning_rate = 1e-30\nweight_decay = 0.0\n\
             [schedule]\nsteps = 2\nwarmup = 1\n",
            stage.path(name),
            stage.path("whole"),
            stage.objective("triples")
        );
        let config = Config::parse(&text, "test".as_ref(), &[]).unwrap_or_else(|e| panic!("{e}"));
        let opened = Trainer::open(config.clone(), &Options::default()).map(|_| ());
        opened.map(|()| {
            run(config, None);
            Embedder::open_folder(&stage.path(name), &Default::default()).unwrap()
        })
    };
    let whole = Embedder::open_folder(&stage.path("whole"), &Default::default()).unwrap();
    let texts = ["ram hits sam", "the judge greets my aunt", "sam sees a dog"];
    let vectors = |e: &Embedder| -> Vec<Vec<f32>> {
        e.embed(&texts).unwrap().iter().map(|r| r.vector().to_vec()).collect()
    };
    let all = begun("all", "").unwrap();
    assert_eq!(vectors(&all), vectors(&whole));
    let words = begun("words", "vocabulary = 90").unwrap();
    let size = |e: &Embedder| {
        let info = e.info(false).unwrap().model;
        (info.vocabulary, info.layers)
    };
    // Fewer pieces than asked for are used at all; their words are cut as before.
    let (kept, layers) = size(&words);
    assert!(kept < size(&whole).0 && layers == 2, "{kept} words, {layers} layers");
    assert_eq!(vectors(&words), vectors(&whole));
    let part = begun("part", "layers = [1], vocabulary = 90").unwrap();
    assert_eq!(size(&part), (kept, 1));
    assert_ne!(vectors(&part), vectors(&words));
    let upper = begun("upper", "layers = [1]").unwrap();
    let lower = begun("lower", "layers = [0]").unwrap();
    assert_ne!(vectors(&upper), vectors(&lower));
    let message = begun("none", "layers = [2]").map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("layers from 0 to 1"), "{message}");
    let message = begun("few", "vocabulary = 9").map(|_| ()).unwrap_err().to_string();
    assert!(message.contains("too small"), "{message}");
}

#[test]
fn the_bag_has_no_layers_and_learns() {
    let stage = Stage::new();
    let bag = "aggregator = \"none\"\npositions = \"none\"";
    let objective = stage.objective("contrastive");
    let (outcome, losses) = run(stage.config("bag", &objective, bag, 40), None);
    assert!(outcome.finished && losses[39] < losses[0], "{losses:?}");
}

/// A longer run of a schedule that does not look ahead begins as the shorter one.
#[test]
fn more_steps_go_on_where_the_rate_does_not_look_ahead() {
    let stage = Stage::new();
    let config = |name: &str, steps: u64| {
        let mut config = stage.config(name, &stage.objective("masked"), "", steps);
        config.schedule.decay = contexture_train::config::Decay::InverseSquareRoot;
        config
    };
    run(config("long", 20), None);
    run(config("grown", 12), None);
    run(config("grown", 20), None);
    assert!(result(&stage.path("grown")).0 == result(&stage.path("long")).0);
}

/// Without positions attention sees a bag of words: "ram hits sam" is "sam hits ram". With any
/// position function it is not.
#[test]
fn without_positions_a_trained_model_sees_a_bag_of_words() {
    let stage = Stage::new();
    let formula = "{ formula = \"cos(pi * (pos + 0.5) * i / n)\" }";
    let named = ["none", "learned", "sinusoidal", "rotary", "alibi", "relative"];
    let all = named.map(|name| (name, format!("\"{name}\"")));
    for (name, positions) in all.into_iter().chain([("formula", formula.to_owned())]) {
        let model = format!("positions = {positions}");
        run(stage.config(name, &stage.objective("masked"), &model, 25), None);
        let options = contexture_engine::OpenOptions::default();
        let embedder = Embedder::open_folder(&stage.path(name), &options);
        let records = embedder.unwrap().embed(&["ram hits sam", "sam hits ram"]).unwrap();
        let both = records[0].vector().iter().zip(records[1].vector());
        let apart = both.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        match name {
            "none" => assert!(apart < 1e-6, "{apart}"),
            _ => assert!(apart > 1e-5, "{name}: {apart}"),
        }
    }
}
