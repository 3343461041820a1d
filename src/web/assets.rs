//! The page's files, as they lie in the binary. Each is pressed once, when the first of them is asked for. Their addresses carry a tag that is
//! made of all of them, so a browser keeps each for ever, and the files of two releases never meet.

use std::{borrow::Cow, collections::BTreeMap, fmt::Write as _, io::Write as _, sync::LazyLock};

use actix_web::{
    HttpRequest, HttpResponse,
    http::header::{self, AcceptEncoding, ContentEncoding, Encoding, Header},
    web::Path,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use rust_embed::Embed;
use sha2::{Digest, Sha256};

use super::answer::Refusal;

#[derive(Embed)]
#[folder = "src/web/dashboard/"]
struct Files;

/// Holds for an address with a tag: what it answers never changes.
const FOR_EVER: &str = "public, max-age=31536000, immutable";

/// Bytes of a tag: enough that no two releases share one.
const TAG_BYTES: usize = 6;

/// Stands in the page for the tag.
const TAG: &str = "/assets/TAG/";

/// The only script that is no module.
const CLASSIC: &str = ".iife.min.js";

/// The type of modules, and of the script that is none.
const SCRIPT: &str = "text/javascript; charset=utf-8";

/// One file.
struct Asset {
    kind: &'static str,
    plain: Bytes,
    gzip: Bytes,
}

/// All of them.
struct Assets {
    tag: String,
    files: BTreeMap<String, Asset>,
}

static ASSETS: LazyLock<Assets> = LazyLock::new(Assets::new);

impl Assets {
    fn new() -> Self {
        let mut files = BTreeMap::new();
        let mut all = Sha256::new();
        for name in Files::iter() {
            let (Some(kind), Some(file)) = (kind(&name), Files::get(&name)) else { continue };
            let plain = served(&name, kind, file.data);
            files.insert(name.into_owned(), Asset { kind, gzip: pressed(&plain), plain });
        }
        // Each with its length: no two sets of files read alike.
        for (name, file) in &files {
            all.update(format!("{name} {}\n", file.plain.len()));
            all.update(&file.plain);
        }
        let tag = all.finalize().iter().take(TAG_BYTES).fold(String::new(), |mut tag, byte| {
            let _ = write!(tag, "{byte:02x}");
            tag
        });
        Self { tag, files }
    }
}

/// What is served, by the end of its name; pages, licences and notes are not.
fn kind(name: &str) -> Option<&'static str> {
    match name.rsplit_once('.')?.1 {
        "js" => Some(SCRIPT),
        "css" => Some("text/css; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        _ => None,
    }
}

/// As it travels: others' files as they are, ours without comments.
fn served(name: &str, kind: &str, file: Cow<'static, [u8]>) -> Bytes {
    if kind == SCRIPT && !name.starts_with("vendor/") {
        return without_comments(&String::from_utf8_lossy(&file)).into();
    }
    match file {
        Cow::Borrowed(bytes) => Bytes::from_static(bytes),
        Cow::Owned(bytes) => bytes.into(),
    }
}

/// Without comments that have lines to themselves, an eighth of all that travels; the lines stay, so that a debugger counts as the source does.
fn without_comments(script: &str) -> String {
    let mut inside = false;
    let bare = |line: &str| {
        let text = line.trim();
        let begins = text.starts_with("/**");
        let is_comment = text.starts_with("//") || ((inside || begins) && (!text.contains("*/") || text.ends_with("*/")));
        inside = (inside || begins) && !text.contains("*/");
        if is_comment { "\n".to_owned() } else { format!("{line}\n") }
    };
    script.lines().map(bare).collect()
}

fn pressed(plain: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    // Memory takes all that is written.
    let _ = encoder.write_all(plain);
    encoder.finish().unwrap_or_default().into()
}

/// A page with the addresses of its files.
pub(super) fn addressed(page: &str) -> String {
    page.replace(TAG, &format!("/assets/{}/", ASSETS.tag))
}

/// A script within a page as a policy names it.
pub(super) fn source_of(script: &str) -> String {
    format!("'sha256-{}'", STANDARD.encode(Sha256::digest(script)))
}

/// Every module, so that a browser asks for all at once instead of one after the other, as it reads who imports whom.
pub(super) fn preloads() -> String {
    let modules = ASSETS.files.iter().filter(|(name, file)| file.kind == SCRIPT && !name.ends_with(CLASSIC));
    let links = modules.map(|(name, _)| format!(r#"<link rel="modulepreload" href="/assets/{}/{name}">"#, ASSETS.tag));
    links.collect::<Vec<_>>().join("\n")
}

/// `GET /assets/{tag}/{path}`: the same to everybody, since the form to sign in needs them too.
pub(super) async fn asset(request: HttpRequest, path: Path<(String, String)>) -> Result<HttpResponse, Refusal> {
    let (tag, name) = path.into_inner();
    let file = ASSETS.files.get(&name).filter(|_| tag == ASSETS.tag).ok_or(Refusal::NotFound)?;
    let offered = [Encoding::gzip(), Encoding::identity()];
    let wanted = AcceptEncoding::parse(&request).ok().and_then(|wanted| wanted.negotiate(offered.iter()));
    let (encoding, body) = match wanted {
        Some(Encoding::Known(ContentEncoding::Gzip)) => (ContentEncoding::Gzip, file.gzip.clone()),
        _ => (ContentEncoding::Identity, file.plain.clone()),
    };
    // Named also when there is none, so that nobody presses it again.
    let mut answer = HttpResponse::Ok();
    answer.insert_header((header::CONTENT_ENCODING, encoding.as_str())).insert_header((header::VARY, "Accept-Encoding"));
    Ok(answer.insert_header((header::CACHE_CONTROL, FOR_EVER)).content_type(file.kind).body(body))
}

#[cfg(test)]
mod tests;
