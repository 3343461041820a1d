//! Who asks: proofs that handlers take as arguments, so that none of them can forget to look.
//!
//! A browser carries its session along wherever the wish came from, so a request that changes something must show that our own
//! page, or no browser at all, sent it. A token in `Authorization` shows that by itself: no other site's page has it. Everything else is
//! refused when the browser says that another site is behind it; a session besides needs a sign of our own page, or a
//! JSON body, which no other site can send without asking first.

use std::{
    future::{Ready, ready},
    net::IpAddr,
};

use actix_web::{
    FromRequest, HttpMessage, HttpRequest,
    dev::Payload,
    http::header::{self, HeaderName},
    web::Data,
};

use super::{State, access::Access, answer::Refusal, page};
use crate::clock;

/// Proof that a request may read; a handler that shows details takes one.
pub(super) struct Viewer;

impl FromRequest for Viewer {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let may_view = |access: &Access| access.may_view(clock::now(), bearer(request), page::session(request));
        ready(access(request, may_view).map(|()| Self))
    }
}

/// Proof that a request may act; a handler that changes something takes one.
pub(super) struct Operator;

impl FromRequest for Operator {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let may_act = |access: &Access| access.may_act(clock::now(), bearer(request), page::session(request));
        let is_ours = || if is_from_another_site(request) { Err(Refusal::CrossSite) } else { Ok(Self) };
        ready(access(request, may_act).and_then(|()| is_ours()))
    }
}

/// Proof that a request may tell of applications' pools.
pub(super) struct Teller;

impl FromRequest for Teller {
    type Error = Refusal;
    type Future = Ready<Result<Self, Refusal>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let may_tell = |access: &Access| access.may_tell(bearer(request));
        let is_ours = || if is_from_another_site(request) { Err(Refusal::CrossSite) } else { Ok(Self) };
        ready(access(request, may_tell).and_then(|()| is_ours()))
    }
}

fn access(request: &HttpRequest, ask: impl FnOnce(&Access) -> Result<(), Refusal>) -> Result<(), Refusal> {
    ask(&request.app_data::<Data<State>>().ok_or(Refusal::Internal)?.access)
}

/// The token that a request carries; credentials that are not a bearer token are wrong ones, not none.
fn bearer(request: &HttpRequest) -> Option<&str> {
    let token = request.headers().get(header::AUTHORIZATION).map(|value| {
        let (scheme, token) = value.to_str().ok()?.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    token.map(Option::unwrap_or_default)
}

fn is_from_another_site(request: &HttpRequest) -> bool {
    if request.method().is_safe() || bearer(request).is_some() {
        return false;
    }
    let named = |name: HeaderName| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    let (site, origin) = (named(HeaderName::from_static("sec-fetch-site")), named(header::ORIGIN));
    let is_browser = site.is_some() || origin.is_some();
    // Without tokens only this machine may ask, and another site's name may be made to lead here.
    if is_browser && page::session(request).is_none() && !is_of_this_machine(named(header::HOST).unwrap_or_default()) {
        return true;
    }
    match (site, origin) {
        (Some(site), _) => !matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => {
            let host = named(header::HOST).unwrap_or_default();
            origin.split_once("://").is_none_or(|(_, from)| !from.eq_ignore_ascii_case(host))
        }
        (None, None) => page::session(request).is_some() && !is_json(request),
    }
}

/// Whether a host, perhaps with a port, is named by its address or as this machine.
fn is_of_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    let name = name.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok()
}

/// Whether the body is said to be JSON.
pub(super) fn is_json(request: &HttpRequest) -> bool {
    request.content_type().eq_ignore_ascii_case("application/json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_may_be_made_to_lead_here_is_not_of_this_machine() {
        for (host, expected) in [
            ("localhost:3000", true),
            ("127.0.0.1:3000", true),
            ("[::1]:3000", true),
            ("10.0.0.7", true),
            ("isobar.localhost", true),
            ("evil.example:3000", false),
            ("localhost.evil.example", false),
            ("", false),
        ] {
            assert_eq!(is_of_this_machine(host), expected, "{host}");
        }
    }
}
