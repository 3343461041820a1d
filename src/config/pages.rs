//! Where pages of metrics are, and what opens them.

use super::section::{Findings, Section};
use crate::probe::scrape::{Kind, SUPAVISOR_PATH, Source};

/// A secret that a header can carry, if the key is there; notes a problem otherwise.
pub(super) fn secret(findings: &mut Findings<'_>, section: &Section<'_>, key: &str, example: &str, fix: &str) -> Option<String> {
    if !section.has(key) {
        return None;
    }
    let secret = section.required(findings, key, example)?;
    let secret = secret.value.trim().bytes().all(|byte| byte.is_ascii_graphic()).then_some(secret).or_else(|| {
        findings.problem(&section.at(key), "holds what no secret of this kind holds", fix);
        None
    })?;
    Some(secret.value.trim().to_owned())
}

/// The address of a page; one without a path of its own gets this one.
pub(super) fn address(findings: &mut Findings<'_>, section: &Section<'_>, key: &str, path: &str) -> Option<String> {
    let text = section.given(findings, key)?;
    let url = text.value.trim();
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let sound = rest.is_some_and(|rest| {
        let host = rest.split('/').next().unwrap_or_default();
        !host.is_empty() && rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"@?#".contains(&byte))
    });
    if !sound {
        let fix = format!(
            "write \"https://HOST:PORT\", or the whole address: \"https://HOST:PORT{path}\"; secrets have keys of their own"
        );
        findings.problem(&text.at, "is no address of a page of metrics", fix);
        return None;
    }
    let bare = rest.is_some_and(|rest| rest.find('/').is_none_or(|slash| slash + 1 == rest.len()));
    Some(if bare { format!("{}{path}", url.trim_end_matches('/')) } else { url.to_owned() })
}

/// Supavisor's page, if the pooler names one.
pub(super) fn supavisor(findings: &mut Findings<'_>, section: &Section<'_>) -> Option<Source> {
    let tenant = section.given(findings, "tenant").filter(|tenant| {
        let sound = tenant.value.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte));
        if !sound {
            findings.problem(&tenant.at, "is no tenant", "write its external id, which clients add to their user behind a point");
        }
        sound
    });
    let tenant = tenant.map(|tenant| tenant.value);
    let path = tenant.as_ref().map_or(SUPAVISOR_PATH.to_owned(), |tenant| format!("{SUPAVISOR_PATH}/{tenant}"));
    let url = address(findings, section, "metrics_url", &path);
    let fix = "give Supavisor's METRICS_JWT_SECRET and nothing else";
    let secret = secret(findings, section, "metrics_secret", "\"${METRICS_JWT_SECRET}\"", fix);
    for (one, other, example) in [
        ("metrics_url", "metrics_secret", "\"${METRICS_JWT_SECRET}\""),
        ("metrics_secret", "metrics_url", "\"http://HOST:4000\""),
    ] {
        if section.has(one) && !section.has(other) {
            findings.problem(
                &section.at(one),
                format!("comes without {other}"),
                format!("add {other} = {example}, or remove it"),
            );
        }
    }
    Some(Source { kind: Kind::Supavisor, url: url?, secret: secret?.into(), tenant })
}
