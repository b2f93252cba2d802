//! Broken weight files: headers, entries, tensors and indexes.

use std::fs;

use serde_json::json;

use crate::tiny::{Cases, FILE, Tiny, WORDS, assemble, header, put, tensor};

pub(crate) fn headers(cases: &mut Cases) {
    let whole = Tiny::bert().weights();
    for keep in [0, 1, 7] {
        cases.weights(&format!("{keep} bytes"), "Header", &[FILE, "bytes"], whole[..keep].into());
    }
    let json_end = 8 + u64::from_le_bytes(whole[..8].try_into().expect("8 bytes")) as usize;
    for keep in [8, 9, 100, json_end - 1] {
        let name = format!("cut at {keep}, inside the header");
        cases.weights(&name, "Header", &[FILE, "claims"], whole[..keep].into());
    }
    for keep in [json_end, json_end + 1, whole.len() / 2 + json_end / 2, whole.len() - 1] {
        let name = format!("cut at {keep}, inside the data");
        cases.weights(&name, "TensorEntry", &[FILE, "outside"], whole[..keep].into());
    }
    for len in [u64::MAX, u64::MAX - 7, 1 << 63, 1 << 40, 100_000_001, whole.len() as u64] {
        let mut bytes = whole.clone();
        bytes[..8].copy_from_slice(&len.to_le_bytes());
        cases.weights(&format!("header of {len} bytes"), "Header", &[FILE, "claims"], bytes);
    }
    let mut longer = whole.clone();
    longer.extend([0; 5]);
    cases.weights("bytes after the last tensor", "Header", &[FILE, "end"], longer);
    let texts: [(&str, &str); 10] = [
        ("empty header", ""),
        ("header is null", "null"),
        ("header is a list", "[]"),
        ("header is a number", "7"),
        ("header is not closed", "{"),
        ("header is text", "\"a\""),
        ("entry is a number", r#"{"a":7}"#),
        ("entry without a shape", r#"{"a":{"dtype":"F32","data_offsets":[0,4]}}"#),
        ("metadata is a number", r#"{"__metadata__":7}"#),
        ("garbage after the header", "{} x"),
    ];
    for (name, json) in texts {
        cases.weights(name, "Header", &[FILE], assemble(json, &[]));
    }
    cases.weights("deep nesting", "Header", &[FILE], assemble(&"[".repeat(100_000), &[]));
    let mut invalid = assemble("{\"aa\":1}", &[]);
    invalid[10] = 0xff;
    cases.weights("header is not UTF-8", "Header", &[FILE], invalid);
    cases.weights(
        "only metadata",
        "MissingTensor",
        &[FILE, WORDS],
        assemble(r#"{"__metadata__":{"format":"pt"}}"#, &[]),
    );
}

pub(crate) fn entries(cases: &mut Cases) {
    cases.entry("unknown type", &[WORDS, "Q4_0"], |e| e["dtype"] = json!("Q4_0"));
    cases.entry("type in lower case", &[WORDS, "f32"], |e| e["dtype"] = json!("f32"));
    cases.entry("half the values", &[WORDS, "96"], |e| e["shape"] = json!([6, 4]));
    cases.entry("a dimension too many", &[WORDS], |e| e["shape"] = json!([12, 4, 2]));
    cases.entry("shape overflows", &[WORDS, "too large"], |e| {
        e["shape"] = json!([u64::MAX, 2]);
    });
    cases.entry("bytes overflow", &[WORDS, "too large"], |e| e["shape"] = json!([1u64 << 62, 4]));
    cases.entry("many ones then overflow", &[WORDS, "too large"], |e| {
        e["shape"] = json!([1u64 << 32, 1u64 << 32]);
    });
    cases.entry("zero rows", &[WORDS], |e| e["shape"] = json!([0, 4]));
    cases.entry("type of another size", &[WORDS], |e| e["dtype"] = json!("F64"));
    cases.entry("place backwards", &[WORDS, "outside"], |e| e["data_offsets"] = json!([192, 0]));
    cases.entry("place far outside", &[WORDS, "outside"], |e| {
        e["data_offsets"] = json!([1u64 << 50, (1u64 << 50) + 192]);
    });
    cases.entry("place at the end of numbers", &[WORDS, "outside"], |e| {
        e["data_offsets"] = json!([u64::MAX - 192, u64::MAX]);
    });
    cases.entry("place moved", &["gap"], |e| e["data_offsets"] = json!([4, 196]));
    let tiny = Tiny::bert();
    let mut overlapping = tiny.entries();
    overlapping[1].1["data_offsets"] = json!([188, 316]);
    let bytes = assemble(&header(&overlapping), &tiny.data());
    let words = ["embeddings.position_embeddings.weight", "overlaps"];
    cases.weights("place overlaps", "TensorEntry", &words, bytes);
    for (name, value) in [
        ("negative size", json!({"dtype": "F32", "shape": [-12, 4], "data_offsets": [0, 192]})),
        ("fractional size", json!({"dtype": "F32", "shape": [1.5, 4], "data_offsets": [0, 24]})),
        ("three offsets", json!({"dtype": "F32", "shape": [12, 4], "data_offsets": [0, 1, 2]})),
        ("type is a number", json!({"dtype": 32, "shape": [12, 4], "data_offsets": [0, 192]})),
        ("an unknown field", json!({"dtype": "F32", "shape": [1], "data_offsets": [0, 4], "x": 1})),
    ] {
        let mut all = tiny.entries();
        all[0].1 = value;
        cases.weights(name, "Header", &[FILE], assemble(&header(&all), &tiny.data()));
    }
    let mut twice = tiny.entries();
    twice.push(twice[0].clone());
    let bytes = assemble(&header(&twice), &tiny.data());
    cases.weights("a name twice", "TensorEntry", &[WORDS, "twice"], bytes);
    let mut hole = tiny.data();
    hole.splice(0..0, [0; 4]);
    let mut shifted = tiny.entries();
    for (_, entry) in &mut shifted {
        for at in 0..2 {
            entry["data_offsets"][at] = json!(entry["data_offsets"][at].as_u64().expect("u64") + 4);
        }
    }
    let bytes = assemble(&header(&shifted), &hole);
    cases.weights("a hole before the first", "TensorEntry", &[WORDS, "gap"], bytes);
}

pub(crate) fn tensors(cases: &mut Cases) {
    let tiny = Tiny::bert();
    for t in tiny.tensors.iter().filter(|t| !t.name.starts_with("pooler")) {
        let mut missing = tiny.clone();
        missing.tensors.retain(|other| other.name != t.name);
        let words = [FILE, &format!("`{}`", t.name)];
        cases.tiny(format!("without {}", t.name), "MissingTensor", &words, missing);
        let mut shape = t.shape.clone();
        shape[0] += 1;
        let (found, expected) = (format!("{shape:?}"), format!("{:?}", t.shape));
        let mut larger = tiny.clone();
        *larger.tensor(&t.name) = tensor(&t.name, &shape);
        let words = [FILE, &t.name, &found, &expected];
        cases.tiny(format!("{} is larger", t.name), "Shape", &words, larger);
    }
    let mut turned = tiny.clone();
    turned.tensor("encoder.layer.1.output.dense.weight").shape = vec![6, 4];
    let words = ["encoder.layer.1.output.dense.weight", "[6, 4]", "[4, 6]"];
    cases.tiny("a matrix lies on its side", "Shape", &words, turned);
    let mut flat = tiny.clone();
    flat.tensor(WORDS).shape = vec![48];
    cases.tiny("a table without rows", "Shape", &[WORDS, "[48]", "[12, 4]"], flat);
    let mut boxed = tiny.clone();
    boxed.tensor("embeddings.LayerNorm.bias").shape = vec![1, 4];
    cases.tiny("a vector with rows", "Shape", &["LayerNorm.bias", "[1, 4]"], boxed);
    for (dtype, size) in
        [("I32", 4), ("F64", 8), ("U8", 1), ("BOOL", 1), ("F8_E4M3", 1), ("I64", 8)]
    {
        let mut other = tiny.clone();
        let t = other.tensor(WORDS);
        (t.dtype, t.bytes) = (dtype, vec![0; 48 * size]);
        cases.tiny(format!("words are {dtype}"), "Precision", &[FILE, WORDS, dtype], other);
    }
    for (what, bits) in [("NaN", f32::NAN), ("infinite", f32::INFINITY), ("-inf", -f32::INFINITY)] {
        for name in
            [WORDS, "encoder.layer.0.attention.self.key.weight", "embeddings.LayerNorm.bias"]
        {
            let mut bad = tiny.clone();
            bad.tensor(name).bytes[4..8].copy_from_slice(&bits.to_le_bytes());
            cases.tiny(format!("{what} in {name}"), "NotFinite", &[FILE, name], bad);
        }
    }
    for name in [
        "encoder.layer.2.output.dense.weight",
        "encoder.layer.0.attention.self.distance_embedding.weight",
        "embeddings.extra.weight",
    ] {
        let mut extra = tiny.clone();
        extra.tensors.push(tensor(name, &[4, 4]));
        cases.tiny(format!("also {name}"), "UnreadTensor", &[FILE, name], extra);
    }
}

/// Matrices and tables as bytes, with a scale for each row.
pub(crate) fn bytes(cases: &mut Cases) {
    const KEY: &str = "encoder.layer.1.attention.self.key.weight";
    for name in [WORDS, KEY, "embeddings.token_type_embeddings.weight"] {
        let scale = format!("{name}.scale");
        let of_scale = |at: &str| format!("{at} {scale}");
        let rows = Tiny::bytes().tensor(name).shape[0];
        let mut missing = Tiny::bytes();
        missing.tensors.retain(|other| other.name != scale);
        let words = [FILE, &format!("`{scale}` is missing"), &format!("[{rows}]")];
        cases.tiny(of_scale("without"), "MissingTensor", &words, missing);
        for shape in [vec![rows + 1], vec![rows - 1], vec![rows, 1], vec![]] {
            let mut other = Tiny::bytes();
            *other.tensor(&scale) = tensor(&scale, &shape);
            let words = [FILE, &scale, &format!("[{rows}]"), &format!("{shape:?}")];
            cases.tiny(of_scale(&format!("{shape:?} of")), "Shape", &words, other);
        }
        for (dtype, size) in [("F16", 2), ("F64", 8), ("I8", 1), ("BF16", 2)] {
            let mut other = Tiny::bytes();
            let t = other.tensor(&scale);
            (t.dtype, t.bytes) = (dtype, vec![0; rows * size]);
            let words = [FILE, &scale, dtype, "F32"];
            cases.tiny(of_scale(&format!("{dtype} in")), "TensorEntry", &words, other);
        }
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            let mut bad = Tiny::bytes();
            bad.tensor(&scale).bytes[4..8].copy_from_slice(&value.to_le_bytes());
            cases.tiny(of_scale(&format!("{value} in")), "NotFinite", &[FILE, &scale], bad);
        }
        for value in [-0.5, -f32::MIN_POSITIVE, -0.0] {
            let mut bad = Tiny::bytes();
            bad.tensor(&scale).bytes[4..8].copy_from_slice(&f32::to_le_bytes(value));
            let words = [FILE, &scale, "row 1", "0 or more"];
            cases.tiny(of_scale(&format!("{value:?} in")), "TensorEntry", &words, bad);
        }
        let mut lowest = Tiny::bytes();
        lowest.tensor(name).bytes[5] = i8::MIN as u8;
        cases.tiny(format!("-128 in {name}"), "TensorEntry", &[FILE, name, "-128"], lowest);
        let mut vast = Tiny::bytes();
        vast.tensor(&scale).bytes[0..4].copy_from_slice(&f32::MAX.to_le_bytes());
        cases.tiny(of_scale("too large a"), "NotFinite", &[FILE, name], vast);
        let mut plain = Tiny::bytes();
        *plain.tensor(name) = Tiny::bert().tensor(name).clone();
        cases.tiny(of_scale("floats beside"), "UnreadTensor", &[FILE, &scale], plain);
    }
    let mut bare = Tiny::bert();
    for name in [WORDS, KEY] {
        let t = bare.tensor(name);
        (t.dtype, t.bytes) = ("I8", vec![1; t.shape.iter().product()]);
    }
    cases.tiny("bytes of another software", "MissingTensor", &[FILE, ".scale"], bare);
    for name in ["embeddings.LayerNorm.bias", "encoder.layer.0.output.dense.bias"] {
        let mut vector = Tiny::bytes();
        let t = vector.tensor(name);
        (t.dtype, t.bytes) = ("I8", vec![1; t.shape[0]]);
        cases.tiny(format!("bytes in {name}"), "Precision", &[FILE, name, "I8"], vector);
    }
}

/// A table of words whose values share bytes.
pub(crate) fn nibbles(cases: &mut Cases) {
    let scale = format!("{WORDS}.scale");
    let mut missing = Tiny::nibbles();
    missing.tensors.retain(|other| other.name != scale);
    cases.tiny("no scale of four bits", "MissingTensor", &[FILE, &scale, "U8"], missing);
    for bits in [0x10, 0x01] {
        let mut lowest = Tiny::nibbles();
        lowest.tensor(WORDS).bytes[5] = bits;
        let words = [FILE, WORDS, "-8", "1 to 15"];
        cases.tiny(format!("{bits:#x} of four bits"), "TensorEntry", &words, lowest);
    }
    let mut whole = Tiny::nibbles();
    let t = whole.tensor(WORDS);
    t.shape[1] *= 2;
    t.bytes.extend(t.bytes.clone());
    cases.tiny("bytes for four bits", "Precision", &[FILE, WORDS, "U8"], whole);
    for name in ["encoder.layer.1.attention.self.key.weight", "embeddings.LayerNorm.bias"] {
        let mut other = Tiny::bytes();
        let t = other.tensor(name);
        (t.dtype, t.bytes) = ("U8", vec![0x11; t.shape.iter().product()]);
        cases.tiny(format!("four bits in {name}"), "Precision", &[FILE, name, "U8"], other);
    }
}

/// Columns of a matrix of bytes that are floats.
pub(crate) fn columns_apart(cases: &mut Cases) {
    const OUT: &str = "encoder.layer.1.attention.output.dense.weight";
    let (columns, outliers) = (format!("{OUT}.columns"), format!("{OUT}.outliers"));
    for (gone, there) in [(&columns, &outliers), (&outliers, &columns)] {
        let mut half = Tiny::apart(OUT);
        half.tensors.retain(|other| other.name != *gone);
        let words = [FILE, &format!("`{gone}` is missing"), OUT];
        cases.tiny(format!("only {there}"), "MissingTensor", &words, half);
    }
    for (what, numbers) in [("beyond", [4, 0]), ("negative", [-1, 0]), ("twice", [2, 2])] {
        let mut wrong = Tiny::apart(OUT);
        wrong.tensor(&columns).bytes = numbers.iter().flat_map(|n: &i32| n.to_le_bytes()).collect();
        let found = format!("column {}", numbers[0]);
        cases.tiny(format!("a column {what}"), "TensorEntry", &[FILE, &columns, &found], wrong);
    }
    let mut flat = Tiny::apart(OUT);
    flat.tensor(&columns).shape = vec![1, 2];
    cases.tiny("columns as rows", "Shape", &[FILE, &columns], flat);
    let mut long = Tiny::apart(OUT);
    let t = long.tensor(&columns);
    (t.shape, t.bytes) = (vec![5], vec![0; 20]);
    *long.tensor(&outliers) = tensor(&outliers, &[5, 4]);
    cases.tiny("more columns than there are", "TensorEntry", &[FILE, &columns, "5 columns"], long);
    let mut turned = Tiny::apart(OUT);
    turned.tensor(&outliers).shape = vec![4, 2];
    cases.tiny("outliers on their side", "Shape", &[FILE, &outliers, "[2, 4]", "[4, 2]"], turned);
    for (name, dtype, expected) in [(&columns, "F32", "I32"), (&outliers, "I32", "F32")] {
        let mut other = Tiny::apart(OUT);
        other.tensor(name).dtype = dtype;
        let words = [FILE, name, dtype, expected];
        cases.tiny(format!("{name} is {dtype}"), "TensorEntry", &words, other);
    }
    let mut infinite = Tiny::apart(OUT);
    infinite.tensor(&outliers).bytes[8..12].copy_from_slice(&f32::INFINITY.to_le_bytes());
    cases.tiny("an infinite outlier", "NotFinite", &[FILE, &outliers], infinite);
    let mut filled = Tiny::apart(OUT);
    filled.tensor(OUT).bytes[4 + 2] = 1;
    cases.tiny("bytes where a column is apart", "TensorEntry", &[FILE, OUT, "column 2"], filled);
    let table = Tiny::apart(WORDS);
    let words = [FILE, &format!("{WORDS}.columns"), "product"];
    cases.tiny("columns apart in a table", "TensorEntry", &words, table);
    let key = Tiny::apart("encoder.layer.1.attention.self.key.weight");
    let words = [FILE, "attention.self.key.weight", "one product"];
    cases.tiny("parts of a product with other columns", "TensorEntry", &words, key);
}

pub(crate) fn shards(cases: &mut Cases) {
    const INDEX: &str = "model.safetensors.index.json";
    let mut add = |name: &str, variant: &'static str, words: &[&str], index: &str| {
        let index = index.to_string();
        cases.add(format!("index: {name}"), variant, words, move |folder| {
            Tiny::bert().write(folder);
            fs::rename(folder.join(FILE), folder.join("a.safetensors")).expect("renamed");
            fs::write(folder.join("a.bin"), b"\x80\x02").expect("a file");
            put(folder, INDEX, index.as_bytes());
        });
    };
    add("empty", "Json", &[INDEX], "");
    add("no map", "Setting", &[INDEX, "weight_map"], "{}");
    add("map is a list", "Setting", &["weight_map"], r#"{"weight_map":[]}"#);
    add("a file is a number", "Setting", &["weight_map.x"], r#"{"weight_map":{"x":7}}"#);
    let missing = r#"{"weight_map":{"x":"b.safetensors"}}"#;
    add("a missing shard", "NotFound", &["b.safetensors"], missing);
    add("a pickled shard", "Unsupported", &["a.bin"], r#"{"weight_map":{"x":"a.bin"}}"#);
    for path in ["../a.safetensors", "/tmp/a.safetensors", "./../a.safetensors"] {
        let index = json!({"weight_map": {"x": path}}).to_string();
        add(&format!("a shard at {path}"), "Unsafe", &[path], &index);
    }
    let absent = r#"{"weight_map":{"x":"a.safetensors"}}"#;
    add("a tensor that its shard lacks", "TensorEntry", &["a.safetensors", "`x`"], absent);
    let part = format!(r#"{{"weight_map":{{"{WORDS}":"a.safetensors"}}}}"#);
    add("most tensors unlisted", "MissingTensor", &[INDEX, "token_type_embeddings"], &part);
}
