//! A browser, as far as the server can tell: cookies with their paths, redirects, forms, and the headers that decide how
//! much work an answer is (compression above all).

use std::fmt::Write;
use std::net::SocketAddr;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use crate::error::LoadError;
use crate::http::{Connection, Response};

const MOST_REDIRECTS: usize = 20;
/// What `application/x-www-form-urlencoded` leaves as it is.
const FORM: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'*')
    .remove(b'-')
    .remove(b'.')
    .remove(b'_');
const HEADERS: &str = "User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0\r\n\
    Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8\r\n\
    Accept-Language: fr,fr-FR;q=0.8,en;q=0.5\r\n\
    Accept-Encoding: gzip, deflate, br\r\n";

/// Where following redirects ended.
pub enum Landing {
    /// A page of the server, at this path.
    Page { path: String, html: String },
    /// The browser was sent away, to this URL.
    Away(String),
    /// The server is too busy; whether it said when to come back.
    Busy { retry_after: bool },
}

struct Cookie {
    name: String,
    value: String,
    path: String,
}

/// One browser of one person.
pub struct Browser {
    connection: Connection,
    /// Scheme, host and port of the server, without trailing slash.
    origin: String,
    cookies: Vec<Cookie>,
    request: String,
}

impl Browser {
    /// A browser that has never been here.
    pub fn new(address: SocketAddr, origin: &str) -> Self {
        Self {
            connection: Connection::to(address),
            origin: origin.to_owned(),
            cookies: Vec::new(),
            request: String::with_capacity(2048),
        }
    }

    /// Forgets every cookie; the connection stays.
    pub fn forget(&mut self) {
        self.cookies.clear();
    }

    /// Sets a cookie for the whole server.
    pub fn set_cookie(&mut self, name: &str, value: &str) {
        self.store(Cookie {
            name: name.to_owned(),
            value: value.to_owned(),
            path: "/".to_owned(),
        });
    }

    /// Asks for one path, follows nothing.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn get(&mut self, path: &str) -> Result<Response, LoadError> {
        self.begin("GET", path);
        self.request.push_str("\r\n");
        self.send().await
    }

    /// Submits a form, follows nothing.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn post(&mut self, path: &str, form: &[(&str, &str)]) -> Result<Response, LoadError> {
        self.begin("POST", path);
        let body = encode_form(form);
        // Writing to a string cannot fail.
        let _ = write!(
            self.request,
            "Origin: {}\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: {}\r\n\r\n{body}",
            self.origin,
            body.len()
        );
        self.send().await
    }

    /// Follows redirects from an answer to where they end.
    ///
    /// # Errors
    /// Those of the connection, an error page, or redirects without end.
    pub async fn follow(
        &mut self,
        step: &'static str,
        first: Response,
        path: &str,
    ) -> Result<Landing, LoadError> {
        let mut response = first;
        let mut path = path.to_owned();
        for _ in 0..MOST_REDIRECTS {
            match response.status {
                200 => {
                    let html = response.text()?;
                    return Ok(Landing::Page { path, html });
                }
                302 | 303 => {
                    let location = response
                        .header("location")
                        .ok_or(LoadError::Malformed("redirect to nowhere"))?;
                    let inside = match location.strip_prefix(self.origin.as_str()) {
                        Some(inside) => inside,
                        None if location.starts_with('/') => location,
                        None => return Ok(Landing::Away(location.to_owned())),
                    };
                    path = inside.to_owned();
                    response = self.get(&path).await?;
                }
                503 => {
                    let retry_after = response.header("retry-after").is_some();
                    return Ok(Landing::Busy { retry_after });
                }
                _ => {
                    return Err(LoadError::Unexpected {
                        step,
                        expected: "a page or a redirect",
                        got: response.describe(),
                    });
                }
            }
        }
        Err(LoadError::Unexpected {
            step,
            expected: "an end",
            got: "redirects".to_owned(),
        })
    }

    fn begin(&mut self, method: &str, path: &str) {
        let host = self.origin.split("://").nth(1).unwrap_or_default();
        self.request.clear();
        let _ = write!(
            self.request,
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\n{HEADERS}"
        );
        let plain_path = path.split(['?', '#']).next().unwrap_or_default();
        let mut separator = "Cookie: ";
        for cookie in self
            .cookies
            .iter()
            .filter(|cookie| path_matches(&cookie.path, plain_path))
        {
            let _ = write!(self.request, "{separator}{}={}", cookie.name, cookie.value);
            separator = "; ";
        }
        if separator == "; " {
            self.request.push_str("\r\n");
        }
    }

    async fn send(&mut self) -> Result<Response, LoadError> {
        let response = self.connection.exchange(self.request.as_bytes()).await?;
        let cookies: Vec<_> = response
            .headers_named("set-cookie")
            .filter_map(parse_set_cookie)
            .collect();
        for (cookie, is_removal) in cookies {
            if is_removal {
                self.cookies
                    .retain(|known| known.name != cookie.name || known.path != cookie.path);
            } else {
                self.store(cookie);
            }
        }
        Ok(response)
    }

    fn store(&mut self, cookie: Cookie) {
        let known = self
            .cookies
            .iter_mut()
            .find(|known| known.name == cookie.name && known.path == cookie.path);
        match known {
            Some(known) => known.value = cookie.value,
            None => self.cookies.push(cookie),
        }
    }
}

/// RFC 6265 §5.1.4.
fn path_matches(cookie_path: &str, path: &str) -> bool {
    path.strip_prefix(cookie_path)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || cookie_path.ends_with('/'))
}

/// The cookie, and whether the header removes it.
fn parse_set_cookie(header: &str) -> Option<(Cookie, bool)> {
    let mut parts = header.split(';');
    let (name, value) = parts.next()?.split_once('=')?;
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        value: value.trim().to_owned(),
        path: "/".to_owned(),
    };
    let mut is_removal = false;
    for attribute in parts {
        let (key, value) = attribute.split_once('=').unwrap_or((attribute, ""));
        match key.trim().to_ascii_lowercase().as_str() {
            "path" => value.trim().clone_into(&mut cookie.path),
            "max-age" => is_removal |= value.trim() == "0",
            "expires" => is_removal |= value.contains(" 1970 ") || value.contains("-1970 "),
            _ => {}
        }
    }
    Some((cookie, is_removal))
}

/// A form's fields as a request body.
pub fn encode_form(form: &[(&str, &str)]) -> String {
    let mut body = String::with_capacity(512);
    for (name, value) in form {
        if !body.is_empty() {
            body.push('&');
        }
        let name = utf8_percent_encode(name, FORM);
        let value = utf8_percent_encode(value, FORM);
        let _ = write!(body, "{name}={value}");
    }
    body
}

/// The value of the hidden field `name` in a page.
pub fn hidden_field(html: &str, name: &str) -> Option<String> {
    let marker = format!("name=\"{name}\"");
    let at = html.find(&marker)?;
    let tag_start = html[..at].rfind('<')?;
    let tag_end = at + html[at..].find('>')?;
    let tag = &html[tag_start..tag_end];
    let value = tag.split("value=\"").nth(1)?;
    value.split('"').next().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cookies_keep_to_their_paths() {
        assert!(path_matches("/", "/users/sign-in"));
        assert!(path_matches("/interaction/a", "/interaction/a"));
        assert!(path_matches("/interaction/a", "/interaction/a/login"));
        assert!(!path_matches("/interaction/a", "/interaction/ab"));
        assert!(!path_matches("/interaction/a", "/oauth/authorize/a"));
    }

    #[test]
    fn a_cookie_of_the_past_is_a_removal() {
        let (cookie, is_removal) = parse_set_cookie(
            "oidc.interaction_resume=; path=/oauth/authorize/U; expires=Thu, 01 Jan 1970 00:00:00 GMT",
        )
        .unwrap();
        assert!(is_removal);
        assert_eq!(cookie.path, "/oauth/authorize/U");
        let (cookie, is_removal) = parse_set_cookie("session=s%3Aabc.def; Path=/; HttpOnly").unwrap();
        assert!(!is_removal);
        assert_eq!(
            (cookie.name.as_str(), cookie.value.as_str()),
            ("session", "s%3Aabc.def")
        );
    }

    #[test]
    fn the_form_token_is_found_whatever_the_order_of_attributes() {
        assert_eq!(
            hidden_field(r#"<input type="hidden" name="_csrf" value="ab">"#, "_csrf").unwrap(),
            "ab"
        );
        assert_eq!(
            hidden_field(r#"<p><input value="cd" name="_csrf" /></p>"#, "_csrf").unwrap(),
            "cd"
        );
        assert!(hidden_field("<p>name</p>", "_csrf").is_none());
    }

    #[test]
    fn form_fields_are_encoded() {
        assert_eq!(
            encode_form(&[("login", "a+b@c.fr"), ("x", "é ")]),
            "login=a%2Bb%40c.fr&x=%C3%A9%20"
        );
    }
}
