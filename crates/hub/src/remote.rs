//! The Hugging Face Hub: what a repository holds, and its files.
//!
//! `hf-hub` forms the addresses and asks for the listing; file bodies are read with the
//! same HTTP client straight into the staging, so that each is written once, hashed on
//! the way, and held to the size and SHA-256 of the listing.

use crate::error::HubError;
use crate::layout;
use crate::options::Options;
use crate::progress::{Meter, Report, Stage, megabytes, say};
use crate::staging::{Staging, WriteError};
use hf_hub::api::sync::{Api, ApiBuilder, ApiRepo};
use hf_hub::{Cache, Repo, RepoType};
use serde::Deserialize;
use std::time::Duration;
use ureq::config::{Config, RedirectAuthHeaders};
use ureq::typestate::WithoutBody;
use ureq::{Agent, Body, RequestBuilder, http::Response};

/// With another source to turn to, the Hub must answer soon.
const IMPATIENT: Duration = Duration::from_millis(1_500);
const PATIENT: Duration = Duration::from_secs(10);
const ANSWER: Duration = Duration::from_secs(30);
/// A download that gives nothing for so long has stalled.
const STALL: Duration = Duration::from_secs(60);
const ATTEMPTS: u32 = 3;
const LISTING_BYTES: u64 = 32 << 20;
const MESSAGE_BYTES: u64 = 4 << 10;

/// Why the Hub gave no model.
#[derive(Debug)]
pub(crate) enum Failure {
    /// No connection, or an answer that is not the Hub's: another source may be tried.
    Unreachable(String),
    /// The Hub's own answer.
    Answer(HubError),
}

impl From<HubError> for Failure {
    fn from(error: HubError) -> Self {
        Self::Answer(error)
    }
}

#[derive(Debug, Deserialize)]
struct Listing {
    sha: String,
    siblings: Vec<Sibling>,
}

#[derive(Debug, Deserialize)]
struct Sibling {
    rfilename: String,
    size: Option<u64>,
    lfs: Option<LargeFile>,
}

#[derive(Debug, Deserialize)]
struct LargeFile {
    size: Option<u64>,
    sha256: Option<String>,
}

/// One repository at one commit.
pub(crate) struct Remote {
    endpoint: String,
    repository: String,
    /// The commit that all files are taken from.
    pub(crate) commit: String,
    files: Vec<Sibling>,
    api: ApiRepo,
    agent: Agent,
    authorization: Option<String>,
}

impl Remote {
    /// Asks what the repository holds.
    pub(crate) fn open(
        repository: &str,
        revision: &str,
        hurry: bool,
        options: &Options,
    ) -> Result<Self, Failure> {
        let secret = options.secret();
        let api = client(options, secret.clone())?;
        let connect = if hurry { IMPATIENT } else { PATIENT };
        let repo = |revision: &str| {
            Repo::with_revision(repository.to_owned(), RepoType::Model, revision.to_owned())
        };
        let request = api.repo(repo(revision)).info_request().query("blobs", "true");
        let listing = ask(request, connect, repository, revision, options, secret.is_some())?;
        let commit =
            match listing.sha.bytes().all(|b| b.is_ascii_hexdigit()) && !listing.sha.is_empty() {
                true => listing.sha.clone(),
                false => return Err(Failure::Unreachable("its answer names no commit".to_owned())),
            };
        let paths: Vec<&str> =
            listing.siblings.iter().map(|file| file.rfilename.as_str()).collect();
        let place = format!("{}/{repository}", options.endpoint);
        layout::check_listing(&place, &paths)?;
        let wanted: Vec<String> =
            layout::select(paths.iter().copied()).into_iter().map(str::to_owned).collect();
        let files = listing.siblings.into_iter().filter(|file| wanted.contains(&file.rfilename));
        Ok(Self {
            endpoint: options.endpoint.clone(),
            repository: repository.to_owned(),
            files: files.collect(),
            api: api.repo(repo(&commit)),
            commit,
            agent: agent(connect),
            authorization: secret.map(|token| format!("Bearer {token}")),
        })
    }

    /// Fetches all files that the model needs.
    pub(crate) fn fetch(
        &self,
        staging: &mut Staging,
        report: &mut Report<'_>,
    ) -> Result<(), Failure> {
        let total: Option<u64> = self.files.iter().map(Sibling::bytes).sum();
        let size = total.map_or_else(String::new, |bytes| format!(" ({})", megabytes(bytes)));
        let text = format!("pulling {}{size} from {}", self.repository, self.endpoint);
        say(report, Stage::Announce, &text, total);
        let mut meter = Meter::new(report, Stage::Download, total);
        for file in &self.files {
            self.fetch_file(file, staging, &mut meter)?;
        }
        Ok(())
    }

    fn fetch_file(
        &self,
        file: &Sibling,
        staging: &mut Staging,
        meter: &mut Meter<'_, '_>,
    ) -> Result<(), Failure> {
        let path = &file.rfilename;
        let before = meter.done();
        let mut attempt = 0;
        let record = loop {
            attempt += 1;
            match self.attempt(file, staging, meter) {
                Ok(record) => break record,
                Err(Failure::Unreachable(problem)) if attempt < ATTEMPTS => {
                    tracing::warn!(%path, %problem, attempt, "trying again");
                    meter.set(path, before);
                    std::thread::sleep(Duration::from_millis(200 << attempt));
                }
                Err(Failure::Unreachable(problem)) => {
                    let url = self.api.url(path);
                    return Err(HubError::Transfer { url, problem }.into());
                }
                Err(error) => return Err(error),
            }
        };
        let stated = file.lfs.as_ref().and_then(|lfs| lfs.sha256.as_ref());
        match stated {
            Some(expected) if *expected != record.sha256 => Err(HubError::Digest {
                place: format!("{}/{}", self.endpoint, self.repository),
                file: path.clone(),
                found: record.sha256,
                expected: expected.clone(),
            }
            .into()),
            _ => Ok(()),
        }
    }

    /// One request; `Unreachable` where another attempt may help.
    fn attempt(
        &self,
        file: &Sibling,
        staging: &mut Staging,
        meter: &mut Meter<'_, '_>,
    ) -> Result<crate::manifest::FileRecord, Failure> {
        let path = &file.rfilename;
        let mut request = self.agent.get(self.api.url(path));
        if let Some(authorization) = &self.authorization {
            request = request.header("Authorization", authorization);
        }
        let response = request.call().map_err(|error| Failure::Unreachable(error.to_string()))?;
        let response = self.accept(response, path)?;
        let limit = file.bytes().unwrap_or(u64::MAX).min(layout::limit(path));
        let mut body = response.into_body().into_with_config().limit(u64::MAX).reader();
        let written = staging.write(path, &mut body, limit, &mut |count| meter.add(path, count));
        let record = written.map_err(|error| match error {
            WriteError::Read(error) => {
                Failure::Unreachable(format!("the download broke off: {error}"))
            }
            WriteError::Own(error) => Failure::Answer(error),
        })?;
        match file.bytes() {
            Some(expected) if expected != record.bytes => Err(Failure::Unreachable(format!(
                "{} bytes came, {expected} were stated",
                record.bytes
            ))),
            None if record.bytes > limit => {
                let problem = format!("more than {limit} bytes");
                Err(HubError::Transfer { url: self.api.url(path), problem }.into())
            }
            _ => Ok(record),
        }
    }

    fn accept(&self, response: Response<Body>, path: &str) -> Result<Response<Body>, Failure> {
        let status = response.status().as_u16();
        match status {
            200 => Ok(response),
            408 | 429 | 500..=599 => Err(Failure::Unreachable(format!("HTTP {status}"))),
            _ => {
                let message = message(response);
                let has_token = self.authorization.is_some();
                let repository = format!("{}/{path}", self.repository);
                Err(refused(&self.endpoint, repository, status, message, has_token).into())
            }
        }
    }
}

impl Sibling {
    fn bytes(&self) -> Option<u64> {
        self.lfs.as_ref().and_then(|lfs| lfs.size).or(self.size)
    }
}

fn client(options: &Options, secret: Option<String>) -> Result<Api, Failure> {
    // The crate's own cache is not used; a path is all that it wants.
    let cache = Cache::new(options.cache()?);
    ApiBuilder::from_cache(cache)
        .with_endpoint(options.endpoint.clone())
        .with_progress(false)
        .with_token(secret)
        .with_user_agent("contexture", env!("CARGO_PKG_VERSION"))
        .build()
        .map_err(|error| Failure::Unreachable(error.to_string()))
}

fn agent(connect: Duration) -> Agent {
    let config: Config = Agent::config_builder()
        .redirect_auth_headers(RedirectAuthHeaders::SameHost)
        .http_status_as_error(false)
        .user_agent(concat!("contexture/", env!("CARGO_PKG_VERSION")))
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .timeout_recv_response(Some(ANSWER))
        .timeout_per_read(Some(STALL))
        .build();
    config.into()
}

fn ask(
    request: RequestBuilder<WithoutBody>,
    connect: Duration,
    repository: &str,
    revision: &str,
    options: &Options,
    has_token: bool,
) -> Result<Listing, Failure> {
    let unreachable = |error: ureq::Error| Failure::Unreachable(error.to_string());
    let answer = if connect == IMPATIENT { connect * 2 } else { ANSWER };
    let response = request
        .config()
        .http_status_as_error(false)
        .timeout_resolve(Some(connect))
        .timeout_connect(Some(connect))
        .timeout_recv_response(Some(answer))
        .timeout_per_read(Some(answer))
        .build()
        .call()
        .map_err(unreachable)?;
    let status = response.status().as_u16();
    match status {
        200 => {
            let body = response.into_body().into_with_config().limit(LISTING_BYTES).reader();
            serde_json::from_reader(body)
                .map_err(|error| Failure::Unreachable(format!("its answer is no listing: {error}")))
        }
        // Without a token the Hub answers 401 for what does not exist, too.
        404 => Err(no_repository(options, repository, revision, status, has_token).into()),
        401 if !has_token => {
            Err(no_repository(options, repository, revision, status, has_token).into())
        }
        401 | 403 | 429 => {
            let message = message(response);
            Err(refused(&options.endpoint, repository.to_owned(), status, message, has_token)
                .into())
        }
        _ => Err(Failure::Unreachable(format!("HTTP {status}"))),
    }
}

fn no_repository(
    options: &Options,
    repository: &str,
    revision: &str,
    status: u16,
    has_token: bool,
) -> HubError {
    let advice = match has_token {
        true => "; check the spelling and the revision",
        false => "; check the spelling, or set HF_TOKEN if the model is private or gated",
    };
    HubError::NoRepository {
        endpoint: options.endpoint.clone(),
        repository: repository.to_owned(),
        revision: revision.to_owned(),
        status,
        advice: advice.to_owned(),
    }
}

fn refused(
    endpoint: &str,
    repository: String,
    status: u16,
    message: String,
    has_token: bool,
) -> HubError {
    let advice = match (status, has_token) {
        (401, _) => "; HF_TOKEN is not valid: make a new one in the settings of your account",
        (403, true) => "; ask for access on the model's page, or use a token that may read it",
        (403, false) => "; set HF_TOKEN to a token that may read it",
        (429, _) => "; too many requests: wait, or set HF_TOKEN",
        _ => "; try again later",
    };
    HubError::Refused {
        endpoint: endpoint.to_owned(),
        repository,
        status,
        message,
        advice: advice.to_owned(),
    }
}

/// What the server says, as one short line.
fn message(response: Response<Body>) -> String {
    let header = |name: &str| {
        response.headers().get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
    };
    if let Some(text) = header("x-error-message") {
        return text;
    }
    let mut text = String::new();
    let mut body = response.into_body().into_with_config().limit(MESSAGE_BYTES).reader();
    let _ = std::io::Read::read_to_string(&mut body, &mut text);
    let json: Option<serde_json::Value> = serde_json::from_str(&text).ok();
    let stated =
        json.as_ref().and_then(|value| value.get("error")).and_then(|error| error.as_str());
    let line = stated.unwrap_or_else(|| text.lines().next().unwrap_or_default());
    match line.trim() {
        "" => "no reason given".to_owned(),
        line => line.chars().filter(|c| !c.is_control()).take(200).collect(),
    }
}
