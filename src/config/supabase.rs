//! `[target.supabase]`: which project of Supabase the target is, and the token to ask its provider with.

use super::section::{Findings, Section};
use crate::probe::management::{API, Project, is_reference};

pub(super) fn read(findings: &mut Findings<'_>, target: &Section<'_>) -> Option<Project> {
    let section = target.table(findings, "supabase")?;
    section.only(findings, &["access_token", "api_url", "project"], (&[], ""));
    let project = section.required(findings, "project", "\"abcdefghijklmnopqrst\"");
    let project = project.filter(|text| {
        let well_formed = is_reference(&text.value);
        if !well_formed {
            let fix = "write the 20 lower-case letters in the project's URL, https://<project>.supabase.co";
            findings.problem(&text.at, "is no project's reference", fix);
        }
        well_formed
    });
    let token = section.required(findings, "access_token", "\"${SUPABASE_ACCESS_TOKEN}\"");
    let token = token.filter(|text| {
        let graphic = text.value.trim().bytes().all(|byte| byte.is_ascii_graphic());
        if !graphic {
            findings.problem(&text.at, "holds what no token holds", "give a personal access token (sbp_...) and nothing else");
        }
        graphic
    });
    let api = section.given(findings, "api_url");
    if let Some(api) = api.as_ref().filter(|api| !api.value.starts_with("https://") && !api.value.starts_with("http://")) {
        findings.problem(&api.at, "is no address of an API", format!("remove it, or write \"{API}\""));
    }
    let api = api.map_or_else(|| API.to_owned(), |api| api.value);
    Some(Project { reference: project?.value, token: token?.value.trim().to_owned().into(), api })
}
