//! What browsers download besides pages: style sheets, scripts, fonts and images, embedded in the binary.
//!
//! `assets/build.mjs` writes them to `assets/dist` with hashed names, a manifest and compressed twins. They are
//! read once at start; serving one costs no copy. Caching follows spec accounts §10.2.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::future::{Ready, ready};

use actix_web::http::header::{
    AcceptEncoding, CACHE_CONTROL, CONTENT_TYPE, ContentEncoding, ETAG, Encoding, EntityTag, Header,
    IfNoneMatch, VARY,
};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use rust_embed::RustEmbed;

/// Files whose name changes with their content never change.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// One week, for the few addresses that must not change (icons, mail logo).
const ONE_WEEK: &str = "public, max-age=604800";
const MANIFEST: &str = "manifest.json";
const FAVICON: &str = "favicons/favicon.ico";
/// Shown in e-mails, hence embedded by other origins.
const MAIL_LOGO: &str = "mail-proconnect.png";

#[derive(RustEmbed)]
#[folder = "assets/dist"]
#[allow_missing = true]
struct Dist;

/// Why the browser assets could not be loaded.
#[derive(Debug, thiserror::Error)]
pub enum AssetsError {
    /// `assets/dist` was empty when the binary was built.
    #[error(
        "the browser assets were not built: run `npm ci && npm run build` in assets/, then build the server again"
    )]
    NotBuilt,
    /// The manifest is not a JSON object of strings.
    #[error("the manifest of the browser assets cannot be read")]
    Manifest(#[from] serde_json::Error),
}

/// Every embedded file, ready to be sent, and the manifest from logical to hashed names.
pub struct Assets {
    files: HashMap<String, Asset>,
    names: HashMap<String, String>,
}

/// One file with its compressed twins.
struct Asset {
    content_type: &'static str,
    cache_control: &'static str,
    /// First half of the SHA-256 of the content, in hexadecimal.
    fingerprint: String,
    plain: Bytes,
    brotli: Option<Bytes>,
    gzip: Option<Bytes>,
    is_cross_origin: bool,
}

impl Assets {
    /// Reads the embedded files.
    ///
    /// # Errors
    /// When the assets were not built before the binary, or their manifest is broken.
    pub fn load() -> Result<Self, AssetsError> {
        let manifest = Dist::get(MANIFEST).ok_or(AssetsError::NotBuilt)?;
        let names: HashMap<String, String> = serde_json::from_slice(&manifest.data)?;
        let hashed: HashSet<&str> = names.values().map(String::as_str).collect();

        let mut files = HashMap::new();
        for path in Dist::iter() {
            let Some(content_type) = content_type(&path) else {
                continue;
            };
            let Some(file) = Dist::get(&path) else { continue };
            let digest = file.metadata.sha256_hash();
            let asset = Asset {
                content_type,
                cache_control: if hashed.contains(path.as_ref()) {
                    IMMUTABLE
                } else {
                    ONE_WEEK
                },
                fingerprint: hex::encode(&digest[..16]),
                plain: into_bytes(file.data),
                brotli: Dist::get(&format!("{path}.br")).map(|twin| into_bytes(twin.data)),
                gzip: Dist::get(&format!("{path}.gz")).map(|twin| into_bytes(twin.data)),
                is_cross_origin: path == MAIL_LOGO,
            };
            files.insert(path.into_owned(), asset);
        }
        Ok(Self { files, names })
    }

    /// The address of an asset by its logical name: `main.css` gives `/dist/main-AB12CD34.css`; `None` when no
    /// such asset was built.
    #[must_use]
    pub fn url(&self, name: &str) -> Option<String> {
        self.names.get(name).map(|path| format!("/dist/{path}"))
    }

    fn respond(&self, path: &str, request: &HttpRequest) -> HttpResponse {
        let Some(asset) = self.files.get(path) else {
            return HttpResponse::NotFound()
                .content_type("text/plain; charset=utf-8")
                .body("Not Found");
        };
        let (encoding, body) = asset.representation(request);
        let suffix = encoding.map_or("", |encoding| encoding.as_str());
        let tag = EntityTag::new_strong(format!("{}{suffix}", asset.fingerprint));
        let is_fresh = is_not_modified(request, &tag);

        let mut response = if is_fresh {
            HttpResponse::NotModified()
        } else {
            HttpResponse::Ok()
        };
        response
            .insert_header((CACHE_CONTROL, asset.cache_control))
            .insert_header((ETAG, tag.to_string()))
            .insert_header((VARY, "Accept-Encoding"));
        if asset.is_cross_origin {
            response.insert_header(("Cross-Origin-Resource-Policy", "cross-origin"));
        }
        if is_fresh {
            return response.finish();
        }
        // Naming the encoding of every body keeps a compression middleware from compressing it again.
        response
            .insert_header((CONTENT_TYPE, asset.content_type))
            .insert_header(encoding.unwrap_or(ContentEncoding::Identity))
            .body(body.clone())
    }
}

impl Asset {
    /// The smallest body the browser accepts, and its encoding (`None` for the file as it is).
    fn representation(&self, request: &HttpRequest) -> (Option<ContentEncoding>, &Bytes) {
        let Ok(accepted) = AcceptEncoding::parse(request) else {
            return (None, &self.plain);
        };
        let twins = [
            (Encoding::brotli(), ContentEncoding::Brotli, &self.brotli),
            (Encoding::gzip(), ContentEncoding::Gzip, &self.gzip),
        ];
        for (encoding, content_encoding, twin) in twins {
            let Some(body) = twin else { continue };
            if accepted.negotiate([&encoding].into_iter()) == Some(encoding) {
                return (Some(content_encoding), body);
            }
        }
        (None, &self.plain)
    }
}

/// Answers `GET /dist/{path}`. The application data must hold the [`Assets`].
#[expect(
    clippy::needless_pass_by_value,
    reason = "actix-web hands extractors over by value"
)]
pub fn dist(request: HttpRequest, path: web::Path<String>, assets: web::Data<Assets>) -> Ready<HttpResponse> {
    ready(assets.respond(&path, &request))
}

/// Answers `GET /favicon.ico`, the address browsers try by themselves.
#[expect(
    clippy::needless_pass_by_value,
    reason = "actix-web hands extractors over by value"
)]
pub fn favicon(request: HttpRequest, assets: web::Data<Assets>) -> Ready<HttpResponse> {
    ready(assets.respond(FAVICON, &request))
}

/// Whether the browser already holds this representation (RFC 9110 §13.1.2).
fn is_not_modified(request: &HttpRequest, tag: &EntityTag) -> bool {
    match IfNoneMatch::parse(request) {
        Ok(IfNoneMatch::Items(known)) => known.iter().any(|candidate| candidate.weak_eq(tag)),
        Ok(IfNoneMatch::Any) => request.headers().contains_key("If-None-Match"),
        Err(_) => false,
    }
}

/// The media type of a file that may be served; `None` for the manifest and the compressed twins.
fn content_type(path: &str) -> Option<&'static str> {
    let (_, extension) = path.rsplit_once('.')?;
    match extension {
        "css" => Some("text/css; charset=utf-8"),
        "js" => Some("text/javascript; charset=utf-8"),
        "svg" => Some("image/svg+xml"),
        "png" => Some("image/png"),
        "ico" => Some("image/x-icon"),
        "woff2" => Some("font/woff2"),
        _ => None,
    }
}

fn into_bytes(data: Cow<'static, [u8]>) -> Bytes {
    match data {
        Cow::Borrowed(embedded) => Bytes::from_static(embedded),
        Cow::Owned(read) => Bytes::from(read),
    }
}

#[cfg(test)]
mod tests {
    use actix_web::http::StatusCode;
    use actix_web::test::{TestRequest, call_service, init_service, read_body};
    use actix_web::{App, dev::ServiceResponse};

    use super::*;

    async fn get(path: &str, headers: &[(&str, &str)]) -> ServiceResponse {
        let assets = web::Data::new(Assets::load().unwrap());
        let service = init_service(
            App::new()
                .app_data(assets)
                .route("/dist/{path:.*}", web::get().to(dist))
                .route("/favicon.ico", web::get().to(favicon)),
        )
        .await;
        let mut request = TestRequest::get().uri(path);
        for header in headers {
            request = request.insert_header(*header);
        }
        call_service(&service, request.to_request()).await
    }

    fn header<'a>(response: &'a ServiceResponse, name: &str) -> Option<&'a str> {
        response.headers().get(name).map(|value| value.to_str().unwrap())
    }

    fn stylesheet() -> String {
        Assets::load().unwrap().url("main.css").unwrap()
    }

    #[actix_web::test]
    async fn a_hashed_file_may_be_kept_for_ever() {
        let response = get(&stylesheet(), &[]).await;
        assert_eq!(response.status(), StatusCode::OK);
        assert_eq!(header(&response, "cache-control"), Some(IMMUTABLE));
        assert_eq!(header(&response, "content-type"), Some("text/css; charset=utf-8"));
        assert_eq!(header(&response, "vary"), Some("Accept-Encoding"));
        assert_eq!(header(&response, "content-encoding"), Some("identity"));
    }

    /// Fields without edges cannot be seen in the high contrast of Windows.
    #[actix_web::test]
    async fn the_design_system_keeps_its_rules_for_forced_colours() {
        let body = read_body(get(&stylesheet(), &[]).await).await;
        let css: String = str::from_utf8(&body).unwrap().split_whitespace().collect();
        assert!(css.contains("(forced-colors:active)"));
        assert!(!css.contains("-ms-high-contrast"));
    }

    #[actix_web::test]
    async fn the_smallest_accepted_encoding_is_sent() {
        for (accepted, sent) in [
            ("gzip, deflate, br", "br"),
            ("gzip", "gzip"),
            ("br;q=0, gzip", "gzip"),
            ("identity", "identity"),
            ("zstd", "identity"),
        ] {
            let response = get(&stylesheet(), &[("Accept-Encoding", accepted)]).await;
            assert_eq!(
                header(&response, "content-encoding"),
                Some(sent),
                "Accept-Encoding: {accepted}"
            );
        }
    }

    #[actix_web::test]
    async fn a_known_file_is_not_sent_again() {
        let path = stylesheet();
        let first = get(&path, &[("Accept-Encoding", "br")]).await;
        let tag = header(&first, "etag").unwrap().to_owned();

        let again = get(&path, &[("Accept-Encoding", "br"), ("If-None-Match", &tag)]).await;
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        assert_eq!(header(&again, "etag"), Some(tag.as_str()));
        assert!(read_body(again).await.is_empty());

        let plain = get(&path, &[("If-None-Match", &tag)]).await;
        assert_eq!(
            plain.status(),
            StatusCode::OK,
            "another representation has another tag"
        );
    }

    #[actix_web::test]
    async fn the_mail_logo_may_be_embedded_by_other_origins() {
        let logo = get("/dist/mail-proconnect.png", &[]).await;
        assert_eq!(
            header(&logo, "cross-origin-resource-policy"),
            Some("cross-origin")
        );
        assert_eq!(header(&logo, "cache-control"), Some(ONE_WEEK));
        assert_eq!(header(&logo, "content-type"), Some("image/png"));

        let icon = get("/favicon.ico", &[]).await;
        assert_eq!(header(&icon, "cross-origin-resource-policy"), None);
        assert_eq!(header(&icon, "cache-control"), Some(ONE_WEEK));
        assert_eq!(header(&icon, "content-type"), Some("image/x-icon"));
    }

    #[actix_web::test]
    async fn only_assets_are_served() {
        let twin = format!("{}.br", stylesheet());
        for path in [
            "/dist/manifest.json",
            "/dist/../Cargo.toml",
            "/dist/%2e%2e/Cargo.toml",
            "/dist/",
            &twin,
        ] {
            assert_eq!(get(path, &[]).await.status(), StatusCode::NOT_FOUND, "{path}");
        }
    }

    /// The budget of a first visit, page and fonts apart: 60 kB with everything a page may load.
    #[test]
    fn a_first_visit_is_light() {
        let assets = Assets::load().unwrap();
        let transferred: usize = assets
            .files
            .iter()
            .filter(|(path, _)| !path.starts_with("fonts/") && !path.starts_with("favicons/"))
            .map(|(_, asset)| asset.gzip.as_ref().unwrap_or(&asset.plain).len())
            .sum();
        assert!(transferred < 45_000, "{transferred} bytes");
    }
}
