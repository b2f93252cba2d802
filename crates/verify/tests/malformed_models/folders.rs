//! Folders whose modules do not fit, and paths that lead elsewhere.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::tiny::{Cases, FILE, Tensor, Tiny, tensor};

pub(crate) fn modules(cases: &mut Cases) {
    let list = |modules: &[(&str, &str)]| {
        let entry = |(class, path): &(&str, &str)| {
            json!({"idx": 0, "name": "0", "path": path,
                "type": format!("sentence_transformers.models.{class}")})
        };
        Value::from(modules.iter().map(entry).collect::<Vec<_>>()).to_string().into_bytes()
    };
    let first = ("Transformer", "");
    let pooling = ("Pooling", "1_Pooling");
    let mut add = |name: &str, variant: &'static str, words: &[&str], modules: &[(&str, &str)]| {
        cases.text(name, variant, words, "modules.json", &list(modules));
    };
    add("no module", "Modules", &["modules.json"], &[]);
    add("no pooling", "Modules", &["exactly one Pooling"], &[first]);
    add("two poolings", "Modules", &["exactly one Pooling"], &[first, pooling, pooling]);
    add("two transformers", "Modules", &["Transformer"], &[first, first, pooling]);
    add("pooling first", "Modules", &["Transformer"], &[pooling, first]);
    add("normalize before pooling", "Modules", &["Pooling"], &[first, ("Normalize", "n"), pooling]);
    add(
        "33 modules",
        "Modules",
        &["33"],
        &[[first, pooling].as_slice(), &[("Normalize", "n"); 31]].concat(),
    );
    for class in ["LSTM", "CNN", "WordEmbeddings", "CLIPModel", "StaticEmbedding", "Evil", ""] {
        let words = ["modules.json", class, "Pooling, Dense, Normalize"];
        add(&format!("a {class} module"), "Unsupported", &words, &[first, (class, "x"), pooling]);
    }
    for path in ["../outside", "/etc", "1_Pooling/../../x", "..", "a\\b", "1_Pooling/\u{0}"] {
        let name = format!("pooling at {path:?}");
        add(&name, "Unsafe", &["beneath the model folder"], &[first, ("Pooling", path)]);
        let name = format!("encoder at {path:?}");
        add(&name, "Unsafe", &["beneath the model folder"], &[("Transformer", path), pooling]);
    }
    add("pooling nowhere", "NotFound", &["9_Pooling"], &[first, ("Pooling", "9_Pooling")]);
    add(
        "encoder nowhere",
        "NotFound",
        &["0_Transformer"],
        &[("Transformer", "0_Transformer"), pooling],
    );
    add(
        "encoder in a folder without one",
        "MissingKey",
        &["1_Pooling", "model_type"],
        &[("Transformer", "1_Pooling"), pooling],
    );
    add("dense nowhere", "NotFound", &["2_Dense"], &[first, pooling, ("Dense", "2_Dense")]);
    for (name, text) in
        [("empty", ""), ("an object", "{}"), ("text", "\"x\""), ("cut", "[{"), ("numbers", "[1,2]")]
    {
        let name = format!("modules are {name}");
        cases.text(&name, "Json", &["modules.json"], "modules.json", text.as_bytes());
    }
    let untyped = br#"[{"idx":0,"path":""}]"#;
    cases.text("a module without a type", "MissingKey", &["type"], "modules.json", untyped);
    let typed = br#"[{"idx":0,"path":7,"type":"a.Transformer"}]"#;
    cases.text("a module's path is a number", "Setting", &["path"], "modules.json", typed);
}

pub(crate) fn pooling(cases: &mut Cases) {
    let pool = "1_Pooling/config.json";
    for (name, variant, text) in [
        ("empty", "Json", ""),
        ("a list", "Json", "[]"),
        ("silent", "MissingKey", "{}"),
        ("of an unknown mode", "Unsupported", r#"{"pooling_mode":"median"}"#),
        ("of a number", "Unsupported", r#"{"pooling_mode":7}"#),
        ("of no mode", "Setting", r#"{"pooling_mode":[]}"#),
        (
            "of too many modes",
            "Setting",
            r#"{"pooling_mode":["cls","cls","cls","cls","cls","cls","cls"]}"#,
        ),
        ("with a switch that is text", "Setting", r#"{"pooling_mode_mean_tokens":"yes"}"#),
        ("with an odd include_prompt", "Setting", r#"{"pooling_mode":"mean","include_prompt":1}"#),
    ] {
        cases.text(&format!("pooling is {name}"), variant, &[pool], pool, text.as_bytes());
    }
}

pub(crate) fn dense(cases: &mut Cases) {
    let modules = json!([
        {"path": "", "type": "a.Transformer"}, {"path": "1_Pooling", "type": "a.Pooling"},
        {"path": "2_Dense", "type": "a.Dense"}]);
    let dense = |config: Value, tensors: &[Tensor]| {
        let mut part = Tiny::bert();
        part.tensors = tensors.to_vec();
        Tiny::bert()
            .file("modules.json", modules.to_string())
            .file("2_Dense/config.json", config.to_string())
            .file("2_Dense/model.safetensors", part.weights())
    };
    let config = json!({"in_features": 4, "out_features": 3, "bias": true,
        "activation_function": "torch.nn.modules.activation.Tanh"});
    let own = [tensor("linear.weight", &[3, 4]), tensor("linear.bias", &[3])];
    let changed = |key: &str, value: Value| {
        let mut config = config.clone();
        config[key] = value;
        config
    };
    let mut add = |name: &str, variant: &'static str, words: &[&str], tiny: Tiny| {
        cases.tiny(format!("dense: {name}"), variant, words, tiny);
    };
    add(
        "another input",
        "Modules",
        &["2_Dense", "5", "4"],
        dense(changed("in_features", json!(5)), &own),
    );
    add(
        "a negative width",
        "Setting",
        &["out_features"],
        dense(changed("out_features", json!(-3)), &own),
    );
    add(
        "another output",
        "Shape",
        &["linear.weight", "[2, 4]"],
        dense(changed("out_features", json!(2)), &own),
    );
    for function in ["torch.nn.modules.activation.PReLU", "os.system", "builtins.Tanh", ""] {
        let tiny = dense(changed("activation_function", json!(function)), &own);
        add(&format!("{function:?}"), "Unsupported", &["activation_function", "Tanh"], tiny);
    }
    add(
        "a residual",
        "Unsupported",
        &["use_residual"],
        dense(changed("use_residual", json!(true)), &own),
    );
    let tokens = changed("module_input_name", json!("token_embeddings"));
    add("for tokens", "Unsupported", &["module_input_name"], dense(tokens, &own));
    add(
        "no bias in the file",
        "MissingTensor",
        &["2_Dense", "linear.bias"],
        dense(config.clone(), &own[..1]),
    );
    let ints = Tensor { dtype: "I32", ..own[0].clone() };
    let ints = [ints, own[1].clone()];
    add("whole numbers", "Precision", &["2_Dense", "linear.weight"], dense(config.clone(), &ints));
    let mut pickled = dense(config.clone(), &own);
    pickled.files.retain(|(name, _)| name != "2_Dense/model.safetensors");
    let pickled = pickled.file("2_Dense/pytorch_model.bin", b"\x80\x02".to_vec());
    add("a pickle", "Pickle", &["2_Dense", "pytorch_model.bin"], pickled);
}

pub(crate) fn sentences(cases: &mut Cases) {
    let bert = "sentence_bert_config.json";
    let st = "config_sentence_transformers.json";
    for (file, variant, text) in [
        (bert, "Setting", r#"{"max_seq_length":0}"#),
        (bert, "Setting", r#"{"max_seq_length":"256"}"#),
        (bert, "Setting", r#"{"do_lower_case":"no"}"#),
        (bert, "Unsupported", r#"{"transformer_task":"fill-mask"}"#),
        (bert, "Unsupported", r#"{"query_expansion":{"length":32}}"#),
        (bert, "Json", "{"),
        (st, "Setting", r#"{"prompts":[]}"#),
        (st, "Setting", r#"{"prompts":{"query":7}}"#),
        (st, "Setting", r#"{"prompts":{"query":"q"},"default_prompt_name":"x"}"#),
        (st, "Setting", r#"{"truncate_dim":-1}"#),
        (st, "Unsupported", r#"{"model_type":"SparseEncoder"}"#),
        (st, "Json", "[]"),
    ] {
        cases.text(&format!("{file} is {text}"), variant, &[file], file, text.as_bytes());
    }
}

pub(crate) fn places(cases: &mut Cases) {
    cases.add("no such folder", "NotFound", &["model"], |folder| {
        fs::remove_dir(folder).expect("an empty folder");
    });
    cases.add("a file, not a folder", "Unsafe", &["not a folder"], |folder| {
        fs::remove_dir(folder).expect("an empty folder");
        fs::write(folder, b"x").expect("a file");
    });
    cases.add("an empty folder", "NotFound", &["config.json"], |_| {});
    for name in ["config.json", "model.safetensors"] {
        cases.add(format!("no {name}"), "NotFound", &[name], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
        });
    }
    for name in ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt"] {
        cases.add(format!("only {name}"), "Pickle", &[name, "save_pretrained"], move |folder| {
            Tiny::bert().write(folder);
            fs::rename(folder.join(FILE), folder.join(name)).expect("renamed");
        });
    }
    for name in ["config.json", FILE, "modules.json", "1_Pooling/config.json"] {
        cases.add(
            format!("{name} is a folder"),
            "Unsafe",
            &[name, "regular file"],
            move |folder| {
                Tiny::bert().write(folder);
                fs::remove_file(folder.join(name)).expect("a file");
                fs::create_dir(folder.join(name)).expect("a folder");
            },
        );
    }
    #[cfg(unix)]
    links(cases);
}

#[cfg(unix)]
fn links(cases: &mut Cases) {
    use std::os::unix::fs::symlink;
    for name in ["config.json", FILE, "modules.json", "1_Pooling/config.json"] {
        cases.add(format!("{name} is a FIFO"), "Unsafe", &[name, "regular file"], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
            let made = Command::new("mkfifo").arg(folder.join(name)).status();
            assert!(made.is_ok_and(|status| status.success()));
        });
        cases.add(format!("{name} links outside"), "Unsafe", &[name, "out of"], move |folder| {
            Tiny::bert().write(folder);
            let outside = folder.with_file_name("outside");
            fs::rename(folder.join(name), &outside).expect("moved");
            symlink(&outside, folder.join(name)).expect("a link");
        });
        cases.add(format!("{name} links to a device"), "Unsafe", &[name], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
            symlink("/dev/zero", folder.join(name)).expect("a link");
        });
        cases.add(format!("{name} links to nothing"), "Io", &[name], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
            symlink("nothing", folder.join(name)).expect("a link");
        });
        cases.add(format!("{name} links to itself"), "Io", &[name], move |folder| {
            Tiny::bert().write(folder);
            fs::remove_file(folder.join(name)).expect("a file");
            symlink(folder.join(name), folder.join(name)).expect("a link");
        });
    }
    cases.add("a module's folder links outside", "Unsafe", &["1_Pooling"], |folder| {
        Tiny::bert().write(folder);
        let outside = folder.with_file_name("outside");
        fs::rename(folder.join("1_Pooling"), &outside).expect("moved");
        symlink(&outside, folder.join("1_Pooling")).expect("a link");
    });
    cases.add("a file of the cache of another model", "Unsafe", &["out of"], |folder| {
        let (snapshot, _) = cache(folder);
        let other = folder.join("models--b--c/blobs/x");
        fs::create_dir_all(other.parent().expect("a parent")).expect("a folder");
        fs::rename(snapshot.join("../../blobs/config.json"), &other).expect("moved");
        fs::remove_file(snapshot.join("config.json")).expect("a link");
        symlink(&other, snapshot.join("config.json")).expect("a link");
        fs::write(folder.join("open-this"), snapshot.to_string_lossy().as_bytes()).expect("a file");
    });
}

/// A model as the Hugging Face cache keeps it: links into a folder of blobs.
#[cfg(unix)]
pub(crate) fn cache(folder: &Path) -> (PathBuf, PathBuf) {
    let repository = folder.join("models--a--b");
    let (snapshot, blobs) = (repository.join("snapshots/0123"), repository.join("blobs"));
    Tiny::bert().write(&snapshot);
    fs::create_dir_all(&blobs).expect("a folder");
    for name in ["config.json", FILE, "modules.json"] {
        fs::rename(snapshot.join(name), blobs.join(name)).expect("moved");
        let target = Path::new("../../blobs").join(name);
        std::os::unix::fs::symlink(target, snapshot.join(name)).expect("a link");
    }
    (snapshot, blobs)
}
