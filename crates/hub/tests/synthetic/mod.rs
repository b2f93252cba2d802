//! Small models, archives and a fake Hub for the tests of this crate.
#![allow(dead_code, unreachable_pub)]

use contexture_hub::{HubError, Located, Options, Stage};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

/// The files of a model as small as can be: path and contents.
pub fn model_files() -> Vec<(String, Vec<u8>)> {
    let header = br#"{"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#;
    let mut weights = (header.len() as u64).to_le_bytes().to_vec();
    weights.extend_from_slice(header);
    weights.extend_from_slice(&[0, 0, 128, 63, 0, 0, 0, 64]);
    [
        ("config.json", br#"{"model_type":"bert"}"#.to_vec()),
        ("model.safetensors", weights),
        ("tokenizer.json", b"{}".to_vec()),
        ("modules.json", br#"[{"idx":0,"path":""},{"idx":1,"path":"1_Pooling"}]"#.to_vec()),
        ("1_Pooling/config.json", br#"{"pooling_mode_mean_tokens":true}"#.to_vec()),
    ]
    .into_iter()
    .map(|(path, bytes)| (path.to_owned(), bytes))
    .collect()
}

pub fn write_model(folder: &Path) {
    for (path, bytes) in model_files() {
        let path = folder.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, bytes).unwrap();
    }
}

/// Options that see nothing of this machine: all below `root`, no network.
pub fn options(root: &Path) -> Options {
    Options {
        cache: Some(root.join("cache")),
        hub_cache: Some(root.join("hub-cache")),
        endpoint: "http://127.0.0.1:1".to_owned(),
        token: None,
        token_file: None,
        hub_offline: false,
        offline: false,
        force: false,
        python: None,
    }
}

/// Pulls and gives the stages and lines that were reported.
pub fn pull(name: &str, options: &Options) -> (Result<Located, HubError>, Vec<(Stage, String)>) {
    let mut lines = Vec::new();
    let result = contexture_hub::pull(name, options, &mut |progress| {
        if let Some(total) = progress.bytes_total {
            assert!(progress.bytes_done <= total, "{} of {total} bytes", progress.bytes_done);
        }
        if lines.last().is_none_or(|(stage, _)| *stage != progress.stage) {
            lines.push((progress.stage, progress.text.to_owned()));
        }
    });
    (result, lines)
}

/// What lies in the cache: final names and temporary ones (locks are left out).
pub fn cached_names(options: &Options) -> Vec<String> {
    let models = options.cache.clone().unwrap().join("models");
    let Ok(entries) = std::fs::read_dir(models) else { return Vec::new() };
    let mut names: Vec<String> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| !name.ends_with(".lock"));
    names.sort();
    names
}

/// One entry of a hand-made archive, stored without compression unless `packed` is given.
#[derive(Clone)]
pub struct Raw {
    pub name: Vec<u8>,
    pub data: Vec<u8>,
    /// Unix mode with its kind, 0 for none.
    pub mode: u32,
    pub method: u16,
    pub flags: u16,
    pub crc: Option<u32>,
    pub stated_bytes: Option<u32>,
}

impl Raw {
    pub fn new(name: &str, data: &[u8]) -> Self {
        Self {
            name: name.as_bytes().to_vec(),
            data: data.to_vec(),
            mode: 0,
            method: 0,
            flags: 0,
            crc: None,
            stated_bytes: None,
        }
    }
}

/// A zip archive made byte by byte, so that it can be wrong.
pub fn raw_zip(entries: &[Raw]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut directory = Vec::new();
    for entry in entries {
        let offset = out.len() as u32;
        let mut common = Vec::new();
        for word in [20, entry.flags, entry.method, 0, 0x21] {
            common.extend_from_slice(&u16::to_le_bytes(word));
        }
        common.extend_from_slice(&entry.crc.unwrap_or_else(|| crc32(&entry.data)).to_le_bytes());
        common.extend_from_slice(&(entry.data.len() as u32).to_le_bytes());
        common.extend_from_slice(
            &entry.stated_bytes.unwrap_or(entry.data.len() as u32).to_le_bytes(),
        );
        common.extend_from_slice(&(entry.name.len() as u16).to_le_bytes());
        common.extend_from_slice(&0_u16.to_le_bytes());
        out.extend_from_slice(b"PK\x03\x04");
        out.extend_from_slice(&common);
        out.extend_from_slice(&entry.name);
        out.extend_from_slice(&entry.data);
        directory.extend_from_slice(b"PK\x01\x02");
        directory.extend_from_slice(&0x0314_u16.to_le_bytes());
        directory.extend_from_slice(&common);
        directory.extend_from_slice(&[0; 6]);
        directory.extend_from_slice(&(entry.mode << 16).to_le_bytes());
        directory.extend_from_slice(&offset.to_le_bytes());
        directory.extend_from_slice(&entry.name);
    }
    let start = out.len() as u32;
    out.extend_from_slice(&directory);
    out.extend_from_slice(b"PK\x05\x06\0\0\0\0");
    out.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    out.extend_from_slice(&(entries.len() as u16).to_le_bytes());
    out.extend_from_slice(&(directory.len() as u32).to_le_bytes());
    out.extend_from_slice(&start.to_le_bytes());
    out.extend_from_slice(&0_u16.to_le_bytes());
    out
}

/// CRC-32 as zip has it, bit by bit.
pub fn crc32(data: &[u8]) -> u32 {
    let mut crc = !0_u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    !crc
}

/// The synthetic model as entries below a prefix.
pub fn model_entries(prefix: &str) -> Vec<Raw> {
    model_files().iter().map(|(path, data)| Raw::new(&format!("{prefix}{path}"), data)).collect()
}

/// A zip with deflated entries, as tools write it.
pub fn deflated_zip(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (path, data) in files {
        writer.start_file(path.as_str(), zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(data).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

/// A request as the fake Hub saw it.
#[derive(Clone, Debug)]
pub struct Seen {
    pub path: String,
    pub authorization: Option<String>,
}

/// What the fake Hub answers.
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// Sends only so many bytes of the body and closes.
    pub cut: Option<usize>,
}

impl Answer {
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into(), cut: None }
    }
}

type Respond = dyn Fn(&Seen, usize) -> Answer + Send + Sync;

/// A server on a local port that answers by a function of the request and its number.
pub struct FakeHub {
    pub endpoint: String,
    pub seen: Arc<Mutex<Vec<Seen>>>,
}

impl FakeHub {
    pub fn start(respond: Box<Respond>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                serve(stream.unwrap(), &log, &*respond);
            }
        });
        Self { endpoint, seen }
    }

    /// A Hub with one repository.
    pub fn with_model(repository: &str, files: Vec<(String, Vec<u8>)>) -> Self {
        let repository = repository.to_owned();
        Self::start(Box::new(move |seen, _| model_answer(&repository, &files, seen)))
    }

    pub fn paths(&self) -> Vec<String> {
        self.seen.lock().unwrap().iter().map(|seen| seen.path.clone()).collect()
    }
}

pub const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// How the Hub answers for its one repository.
pub fn model_answer(repository: &str, files: &[(String, Vec<u8>)], seen: &Seen) -> Answer {
    if seen.path.starts_with(&format!("/api/models/{repository}/revision/main")) {
        return Answer::new(200, listing(files));
    }
    let prefix = format!("/{repository}/resolve/{COMMIT}/");
    let found = seen
        .path
        .strip_prefix(&prefix)
        .and_then(|path| files.iter().find(|(name, _)| name == path));
    match found {
        Some((_, data)) => Answer::new(200, data.clone()),
        None => Answer::new(404, r#"{"error":"Repository not found"}"#),
    }
}

/// The Hub's listing; weights carry their digest, as large files do there.
pub fn listing(files: &[(String, Vec<u8>)]) -> String {
    let siblings: Vec<serde_json::Value> = files
        .iter()
        .map(|(path, data)| {
            let mut value = serde_json::json!({"rfilename": path, "size": data.len()});
            if path.ends_with(".safetensors") {
                value["lfs"] = serde_json::json!({"size": data.len(), "sha256": sha256(data)});
            }
            value
        })
        .collect();
    serde_json::json!({"sha": COMMIT, "siblings": siblings}).to_string()
}

pub fn sha256(data: &[u8]) -> String {
    use sha2::Digest;
    sha2::Sha256::digest(data).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn serve(mut stream: TcpStream, log: &Mutex<Vec<Seen>>, respond: &Respond) {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let header = |name: &str| {
        head.lines().find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then(|| value.to_owned())
        })
    };
    let seen = Seen {
        path: head.split(' ').nth(1).unwrap().to_owned(),
        authorization: header("authorization"),
    };
    let number = {
        let mut log = log.lock().unwrap();
        log.push(seen.clone());
        log.len() - 1
    };
    let answer = respond(&seen, number);
    let mut text = format!(
        "HTTP/1.1 {} X\r\nContent-Length: {}\r\nConnection: close\r\n",
        answer.status,
        answer.body.len()
    );
    for (name, value) in &answer.headers {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    text.push_str("\r\n");
    let shown = answer.cut.unwrap_or(answer.body.len());
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.write_all(&answer.body[..shown]);
}

/// A stand-in for Python whose pip runs a shell script; `$DEST` is the folder asked for.
#[cfg(unix)]
pub fn fake_python(folder: &Path, script: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let path = folder.join("python");
    let text = format!(
        "#!/bin/sh\nwhile [ \"$1\" != --dest ]; do shift; done\nDEST=\"$2\"; REQUIREMENT=\"$3\"\n{script}\n"
    );
    std::fs::write(&path, text).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path
}
