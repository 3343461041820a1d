//! `[target.supabase]`: which project of Supabase the target is, the token to ask its provider with, and the key that opens its metrics.

use super::{
    pages,
    section::{Findings, Section},
};
use crate::probe::{
    management::{API, Project, is_reference},
    scrape::{Kind, SUPABASE_PATH, Source},
};

/// What there is to ask, by what was given.
#[derive(Default)]
pub(super) struct Given {
    /// The Management API; with a token.
    pub(super) project: Option<Project>,
    /// The project's metrics; with a key.
    pub(super) metrics: Option<Source>,
}

pub(super) fn read(findings: &mut Findings<'_>, target: &Section<'_>) -> Given {
    let Some(section) = target.table(findings, "supabase") else { return Given::default() };
    section.only(findings, &["access_token", "api_url", "metrics_url", "project", "secret_key"], (&[], ""));
    let project = section.required(findings, "project", "\"abcdefghijklmnopqrst\"");
    let project = project.filter(|text| {
        let well_formed = is_reference(&text.value);
        if !well_formed {
            let fix = "write the 20 lower-case letters in the project's URL, https://<project>.supabase.co";
            findings.problem(&text.at, "is no project's reference", fix);
        }
        well_formed
    });
    if !section.has("access_token") && !section.has("secret_key") {
        let fix = "add access_token = \"${SUPABASE_ACCESS_TOKEN}\" (its services), secret_key = \"${SUPABASE_SECRET_KEY}\" (its metrics), or both";
        findings.problem(&section.place(), "has neither access_token nor secret_key", fix);
    }
    let kept = "give a personal access token (sbp_...) and nothing else";
    let token = pages::secret(findings, &section, "access_token", "\"${SUPABASE_ACCESS_TOKEN}\"", kept);
    let kept = "give a secret key (sb_secret_...) or the service_role key, and nothing else";
    let key = pages::secret(findings, &section, "secret_key", "\"${SUPABASE_SECRET_KEY}\"", kept);
    let api = section.given(findings, "api_url");
    if let Some(api) = api.as_ref().filter(|api| !api.value.starts_with("https://") && !api.value.starts_with("http://")) {
        findings.problem(&api.at, "is no address of an API", format!("remove it, or write \"{API}\""));
    }
    let api = api.map_or_else(|| API.to_owned(), |api| api.value);
    let url = pages::address(findings, &section, "metrics_url", SUPABASE_PATH);
    if section.has("metrics_url") && !section.has("secret_key") {
        let fix = "add secret_key = \"${SUPABASE_SECRET_KEY}\", or remove metrics_url";
        findings.problem(&section.at("metrics_url"), "comes without secret_key", fix);
    }
    let Some(reference) = project.map(|project| project.value) else { return Given::default() };
    let url = url.unwrap_or_else(|| format!("https://{reference}.supabase.co{SUPABASE_PATH}"));
    Given {
        metrics: key.map(|secret| Source { kind: Kind::Supabase, url, secret: secret.into(), tenant: None }),
        project: token.map(|token| Project { reference, token: token.into(), api }),
    }
}
