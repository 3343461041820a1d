//! Supabase's Management API: what the provider says of a project's services, and which projects there are.
//!
//! ```text
//!  targets of one project ──► Office (one per project) ──once a minute──► GET /v1/projects/{ref}/health
//!                                 │ pace: X-RateLimit-*, 429            └──► answer: services, or the fix
//!                                 └─ shares its newest answer
//! ```
//! An unhealthy service is evidence beside what Isobar measures itself, never a page of its own: the provider's word comes late, and
//! by the minute. Nothing here counts as an attempt, and nothing of it costs the server anything. The token is a person's, with a
//! limit of 120 requests a minute in all; when that is used up, the office waits for the reset that the answer names.

pub mod answer;
pub mod client;
pub mod office;
pub mod pace;

use secrecy::{ExposeSecret, SecretString};

/// Where the Management API is, unless told.
pub const API: &str = "https://api.supabase.com";

/// A project of Supabase, and who asks about it. `[target.supabase]`.
#[derive(Debug, Clone)]
pub struct Project {
    /// Its reference: the 20 letters in its URL.
    pub reference: String,
    /// A personal access token (`sbp_...`).
    pub token: SecretString,
    /// Where to ask: [`API`] unless told.
    pub api: String,
}

impl PartialEq for Project {
    fn eq(&self, other: &Self) -> bool {
        (&self.reference, &self.api, self.token.expose_secret()) == (&other.reference, &other.api, other.token.expose_secret())
    }
}

/// Whether a text is a project's reference.
pub fn is_reference(text: &str) -> bool {
    text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_lowercase())
}
